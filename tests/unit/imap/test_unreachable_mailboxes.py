# SPDX-License-Identifier: Apache-2.0
"""Why an IMAP server cannot be reached: the reasons of mail servers, with the fields of the mailbox."""

import errno
from ipaddress import ip_address

import pytest

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.reasons import Reason
from smtp_operator.imap.failures import unreachable
from smtp_operator.imap.request import MailboxRequest
from smtp_operator.network.destination import Address
from smtp_operator.smtp.request import SmtpLogin

_V4, _OTHER_V4, _V6 = ip_address("192.0.2.1"), ip_address("192.0.2.2"), ip_address("2001:db8::1")

_REQUEST = MailboxRequest(
    server="imap.example.com",
    port=993,
    imap_type=ImapType.TLS,
    login=SmtpLogin(username="probe", password="pw", origin="spec.delivery.mailbox.password.value"),
    message_id="<1@example.com>",
    sent=0.0,
)


@pytest.mark.parametrize(
    ("errors", "reason", "message"),
    [
        pytest.param(
            {_V4: TimeoutError()},
            Reason.CONNECT_TIMEOUT,
            "No answer from imap.example.com:993 within 10 s (tried 192.0.2.1) [in Connect]. A firewall or a"
            " NetworkPolicy drops the packets, or the host is down. Check delivery.mailbox.server,"
            " delivery.mailbox.port, the NetworkPolicy and the egress firewall.",
            id="no-answer",
        ),
        pytest.param(
            {_V4: OSError(errno.ECONNRESET, ""), _OTHER_V4: OSError(errno.ECONNREFUSED, "")},
            Reason.CONNECTION_REFUSED,
            "Nothing listens on imap.example.com:993 (tried 192.0.2.1, 192.0.2.2) [in Connect]. IMAP uses"
            " port 993 (TLS) or 143 (StartTLS). Set delivery.mailbox.port: the port that the server listens"
            " on.",
            id="one-refuses",
        ),
        pytest.param(
            {_V4: OSError(errno.ECONNRESET, "")},
            Reason.CONNECTION_CLOSED_BY_SERVER,
            "imap.example.com:993 closes the connection immediately, without a greeting [in Banner].",
            id="reset",
        ),
        pytest.param(
            {_V6: OSError(errno.ENETUNREACH, "")},
            Reason.NO_USABLE_ADDRESS,
            "imap.example.com has only IPv6 addresses (2001:db8::1), and there is no IPv6 route to them [in"
            " Connect]. Give the cluster IPv6 egress, or set delivery.mailbox.server: a name that has an IPv4"
            " address.",
            id="only-ipv6",
        ),
        pytest.param(
            {_V4: OSError(errno.EHOSTUNREACH, "")},
            Reason.NETWORK_UNREACHABLE,
            "There is no route to imap.example.com:993 (tried 192.0.2.1) [in Connect]. A router or a"
            " firewall reported this. Check the routes, the NetworkPolicy and the egress firewall.",
            id="no-route",
        ),
    ],
)
def test_the_verdict_names_the_cause(errors: dict[Address, OSError], reason: Reason, message: str) -> None:
    found = unreachable(_REQUEST, errors, 10.0)

    assert (found.reason, found.message) == (reason, message)
