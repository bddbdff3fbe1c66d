# SPDX-License-Identifier: Apache-2.0
"""The recipients of the test email, and which of them are visible."""

import json
from email import message_from_bytes

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, OperatorProcess

pytestmark = pytest.mark.usefixtures("operator")

EVERYONE = {"to": ["ops@example.com"], "cc": ["team@example.com"], "bcc": ["hidden-bcc@example.com"]}


def test_without_a_to_the_from_address_gets_it(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, recipients={})

    assert [mail.recipients for mail in server.mails] == [("noreply@example.com",)]


def test_cc_and_bcc_get_it_by_default(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, recipients=EVERYONE)

    assert server.mails[0].recipients == ("ops@example.com", "team@example.com", "hidden-bcc@example.com")


def test_cc_and_bcc_get_it_where_test_email_is_listed(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, recipients=EVERYONE, preferredNotifications=["TestEmail"])

    assert len(server.mails[0].recipients) == 3


@pytest.mark.parametrize("preferred", [["None"], []])
def test_cc_and_bcc_get_none_where_test_email_is_not_listed(
    bed: Bed, server: MailServer, preferred: list[str]
) -> None:
    bed.verdict_of(server, recipients=EVERYONE, preferredNotifications=preferred)

    assert [mail.recipients for mail in server.mails] == [("ops@example.com",)]


def test_the_mail_has_the_headers_of_a_generated_mail(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, recipients=EVERYONE)

    mail = message_from_bytes(server.mails[0].content)
    assert (mail["From"], mail["To"], mail["Cc"], mail["Auto-Submitted"], mail["Message-ID"]) == (
        "Platform <noreply@example.com>",
        "ops@example.com",
        "team@example.com",
        "auto-generated",
        seen.last_test["messageId"],
    )


@pytest.mark.parametrize(
    "reply", ["250 2.1.5 ok", "550 5.1.1 <hidden-bcc@example.com>: no such user hidden-bcc@example.com"]
)
def test_a_bcc_address_is_in_no_header_status_event_or_log(
    bed: Bed, server: MailServer, operator: OperatorProcess, reply: str
) -> None:
    if not reply.startswith("250"):
        server.refused_recipients["hidden-bcc@example.com"] = reply

    seen = bed.verdict_of(server, recipients=EVERYONE)

    event = bed.wait_for_event(seen.reason)
    told = [json.dumps(seen.status), json.dumps(event), operator.output(), str(server.mails[0].content)]
    assert [text for text in told if "hidden-bcc" in text] == []
    assert {"role": "bcc", "index": 0}.items() <= seen.last_test["recipients"][2].items()
