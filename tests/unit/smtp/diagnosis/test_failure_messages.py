# SPDX-License-Identifier: Apache-2.0
"""Complete messages for failures without a reply."""

import errno
import ipaddress
import socket

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import MESSAGE_BYTES, Phase
from smtp_operator.network.destination import Address, DestinationPolicy
from smtp_operator.smtp.diagnosis import no_reply as failures
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.verdicts import compose
from smtp_operator.smtp.quotation import Quotation
from smtp_testkit.mailpeers.faultserver import FaultServer, drop, then
from smtp_testkit.mailpeers.faultserver import reply as says
from smtp_testkit.mailpeers.trial import Trial

V4: Address = ipaddress.ip_address("192.0.2.1")
V6: Address = ipaddress.ip_address("2001:db8::1")
MAIL = DialogueContext(server="mail.example.com", port=2525)


def refused() -> OSError:
    return OSError(errno.ECONNREFUSED, "Connection refused")


def no_route() -> OSError:
    return OSError(errno.ENETUNREACH, "Network is unreachable")


@pytest.mark.parametrize(
    ("context", "errors", "reason", "message"),
    [
        (
            MAIL,
            {V4: refused(), V6: refused()},
            Reason.CONNECTION_REFUSED,
            "Nothing listens on mail.example.com:2525 (tried 192.0.2.1, 2001:db8::1) [in Connect]. "
            "Submission ports are 587 (StartTLS) and 465 (TLS). Relays listen on port 25. "
            "Set port: the port that the server listens on.",
        ),
        (
            MAIL,
            {V6: no_route(), V4: refused()},
            Reason.CONNECTION_REFUSED,
            None,
        ),
        (
            DialogueContext(server="mail.example.com", port=25),
            {V6: no_route(), V4: TimeoutError()},
            Reason.CONNECT_TIMEOUT,
            "No answer from mail.example.com:25 within 3 s (tried 2001:db8::1, 192.0.2.1) [in Connect]. "
            "Some clouds, such as AWS, block outbound port 25 by default. "
            "Set port: 587, 465 or 2525, or check the NetworkPolicy and the egress firewall.",
        ),
        (
            MAIL,
            {V6: no_route()},
            Reason.NO_USABLE_ADDRESS,
            "mail.example.com has only IPv6 addresses (2001:db8::1), and there is no IPv6 route to them "
            "[in Connect]. Give the cluster IPv6 egress, or set server: a name that has an IPv4 address.",
        ),
        (
            MAIL,
            {V4: OSError(errno.EHOSTUNREACH, "No route to host"), V6: no_route()},
            Reason.NETWORK_UNREACHABLE,
            "There is no route to mail.example.com:2525 (tried 192.0.2.1, 2001:db8::1) [in Connect]. "
            "A router or a firewall reported this. "
            "Check the routes, the NetworkPolicy and the egress firewall.",
        ),
        (MAIL, {V4: OSError(errno.EPERM, "Operation not permitted")}, Reason.NETWORK_UNREACHABLE, None),
    ],
)
def test_no_connection(
    context: DialogueContext, errors: dict[Address, OSError], reason: Reason, message: str | None
) -> None:
    verdict = failures.unreachable(context, errors, 3)

    assert verdict.reason is reason
    assert verdict.phase is Phase.CONNECT
    if message:
        assert verdict.message == message


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN])
async def test_a_reset_while_connecting_is_a_closed_connection(trial: Trial, number: int) -> None:
    trial.names.known["mail.example.com"] = ("2001:db8::1", "192.0.2.1")
    trial.policy = DestinationPolicy()

    async def connect(address: Address, port: int, *, limit: float) -> socket.socket:
        raise no_route() if address.version == 6 else OSError(number, "reset")

    trial.connect = connect
    report = await trial(587, server="mail.example.com")

    assert report.verdict.reason is Reason.CONNECTION_CLOSED_BY_SERVER
    assert report.verdict.message.startswith(
        "mail.example.com:587 closes the connection immediately, without a greeting [in Banner]. "
    )


async def test_a_refused_port(trial: Trial) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but without a listener

        report = await trial(taken.getsockname()[1])

    assert report.verdict.reason is Reason.CONNECTION_REFUSED
    assert report.server.address == ""


@pytest.mark.parametrize(
    ("port", "hint"),
    [
        (465, "Set smtpType: TLS, because port 465 is for TLS from the first byte."),
        (993, "Set port: 587, because port 993 is for IMAP over TLS."),
        (110, "Set port: 587, because port 110 is for POP3."),
    ],
)
def test_a_port_of_another_protocol_is_named(port: int, hint: str) -> None:
    context = DialogueContext(server="mail.example.com", port=port)

    for verdict in (
        failures.silent(context, failures.Waiting(Phase.BANNER, 45, 45, 45)),
        failures.closed(context, Phase.BANNER, Quotation(), content_sent=False),
    ):
        assert verdict.message.endswith(hint)


def test_an_email_that_may_have_been_accepted() -> None:
    silent = failures.silent(MAIL, failures.Waiting(Phase.DATA, 44, 45, 45, content_sent=True))
    closed = failures.closed(MAIL, Phase.DATA, Quotation(), content_sent=True)

    assert silent.message == (
        "mail.example.com received the email but did not accept or refuse it within 44 s [in Data]. "
        "The server may have accepted the email, so it is not sent again before the next recheck. "
        "Set test.timeout: 10m if this server is expected to be slow."
    )
    assert closed.message == (
        "mail.example.com closed the connection after the email, without accepting or refusing it "
        "[in Data]. The server may have accepted the email, so it is not sent again before the next recheck."
    )


async def test_a_lost_connection_repeats_the_last_reply(trial: Trial) -> None:
    async with FaultServer({"EHLO": then(says("250 hello and goodbye"), drop())}) as server:
        report = await trial(server.port)

    assert report.verdict.message == (
        "localhost closed the connection during the session "
        '[in MailFrom, server said: "250 hello and goodbye"]. '
        "Possible causes are a time limit of the server, a restart, or a firewall."
    )


async def test_a_connection_closed_after_the_login(trial: Trial) -> None:
    async with FaultServer({"AUTH": drop()}) as server:
        report = await trial(server.port, password="s3cret-pw")

    assert report.verdict.reason is Reason.AUTH_CONNECTION_DROPPED
    assert (
        'if the password of user "bob" is wrong (from Secret smtp-password, key password)'
        in report.verdict.message
    )
    assert report.verdict.message.endswith("Check the username and password.")


def test_a_long_message_loses_the_least_important_words() -> None:
    message = compose(
        "The server refused", phase=Phase.DATA, said=Quotation("é" * 2000), why="Because", fix="Set port: 587"
    )

    assert len(message.encode()) <= MESSAGE_BYTES
    assert message.endswith('…"]. Because. Set port: 587.')


def test_a_message_with_only_facts_fits() -> None:
    message = compose("x" * 2000, phase=Phase.DATA, said=Quotation("said"), why="y" * 2000, fix="z" * 2000)

    assert len(message.encode()) <= MESSAGE_BYTES
