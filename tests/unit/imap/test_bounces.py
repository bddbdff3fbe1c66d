# SPDX-License-Identifier: Apache-2.0
"""Delivery status notifications in the dialects of mail servers, and what only resembles them."""

import base64

import pytest

from smtp_operator.imap.bounces import bounce_of

from .conftest import MESSAGE_ID

TO = "probe@example.org"
FAILED = f"""\
Final-Recipient: rfc822; {TO}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{TO}>: User unknown
"""
HEADER = f"From: noreply@example.com\nMessage-ID: {MESSAGE_ID}\n"
OTHER = HEADER.replace(MESSAGE_ID, "<other@example.com>")
RETURNED = "message/rfc822"
REPORT = "multipart/report; report-type=delivery-status"


def notice(
    recipients: str = FAILED,
    returned: str = f"{HEADER}\nHello.\n",
    *,
    status_type: str = "message/delivery-status",
    returned_type: str = RETURNED,
    report: str = REPORT,
    human: str = "It did not work.",
    encoding: str = "",
) -> bytes:
    """Return a notice with three parts, of which the last two can be in base64."""
    status = f"Reporting-MTA: dns; mail.example.com\n\n{recipients}"
    if encoding:
        status, returned = (base64.encodebytes(it.encode()).decode() for it in (status, returned))
    extra = f"\nContent-Transfer-Encoding: {encoding}" if encoding else ""
    text = f"""\
From: MAILER-DAEMON@mail.example.com
To: {TO}
MIME-Version: 1.0
Content-Type: {report}; boundary="x"

--x
Content-Type: text/plain; charset=utf-8

{human}
--x
Content-Type: {status_type}{extra}

{status}
--x
Content-Type: {returned_type}{extra}

{returned}
--x--
"""
    return text.replace("\n", "\r\n").encode()


def recipient(action: str, code: str = "", *, to: str = TO, more: str = "") -> str:
    """Return the fields about a recipient."""
    return f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {code or '5.0.0'}\n{more}"


UNKNOWN = f"550 5.1.1 <{TO}>: User unknown"


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (notice(), UNKNOWN),
        (notice().replace(b"\r\n", b"\n"), UNKNOWN),
        (notice()[:-9], UNKNOWN),
        (notice(returned=HEADER, returned_type="text/rfc822-headers"), UNKNOWN),
        (notice(status_type="message/global-delivery-status", returned_type="message/global"), UNKNOWN),
        (notice(returned=HEADER, returned_type="message/global-headers"), UNKNOWN),
        (notice(encoding="base64"), UNKNOWN),
        (notice(returned=HEADER, returned_type="text/rfc822-headers", encoding="base64"), UNKNOWN),
        (notice(returned=HEADER.replace("ID: ", "ID:\n ")), UNKNOWN),
        (notice(report='multipart/report; report-type="Delivery-Status"'), UNKNOWN),
        (notice(FAILED.replace("failed", "Failed (permanent error)")), UNKNOWN),
        (notice(f"{recipient('delayed', '4.4.1')}\n{FAILED}"), UNKNOWN),
        (notice(recipient("failed")), "5.0.0"),
        (notice(recipient("failed", more="Diagnostic-Code: x-unix; Command died")), "Command died"),
        (
            notice(recipient("failed", more="Diagnostic-Code: smtp; 550-5.1.1 No such account.\n 550 Bye")),
            "550-5.1.1 No such account. 550 Bye",
        ),
        (
            notice(recipient("failed", more="Diagnostic-Code: smtp; 550 Empfänger gelöscht")),
            "550 Empfänger gelöscht",
        ),
    ],
)
def test_a_failure_of_our_email_is_a_bounce(raw: bytes, reply: str) -> None:
    assert bounce_of(raw, message_id=MESSAGE_ID, address=TO) == reply


def test_internationalized_addresses_are_compared() -> None:
    raw = notice(FAILED.replace(f"rfc822; {TO}", "utf-8; pröbe@example.org"))

    assert bounce_of(raw, message_id=MESSAGE_ID, address="pröbe@example.org") == UNKNOWN


@pytest.mark.parametrize(
    "raw",
    [
        notice(recipient("delayed", "4.4.1")),
        notice(recipient("delivered", "2.0.0")),
        notice(recipient("relayed", "2.0.0")),
        notice(recipient("expanded", "2.0.0")),
        notice(f"Final-Recipient: rfc822; {TO}\nStatus: 5.0.0\n"),
        notice(recipient("failed", to="other@example.org") + "\n" + recipient("delivered", "2.0.0")),
        notice(returned=OTHER),
        notice(returned=f"{OTHER}\nMessage-ID: {MESSAGE_ID}\n"),
        notice(returned=HEADER.replace(MESSAGE_ID, f"{MESSAGE_ID[:-1]}x>")),
        notice(returned=OTHER, human=f"Message-ID: {MESSAGE_ID}"),
        notice(returned=HEADER, returned_type="text/plain"),
        notice(report="multipart/mixed"),
        notice(report="multipart/report; report-type=disposition-notification"),
        notice(report="multipart/report; report-type=feedback-report"),
        f"Subject: Out of office\nAuto-Submitted: auto-replied\nIn-Reply-To: {MESSAGE_ID}\n\nx".encode(),
        f"{HEADER}\nHello.\n".encode(),
        b"",
        notice(FAILED.replace("User", "User\x0bx: ")),  # breaks the library
    ],
)
def test_other_emails_are_no_bounce(raw: bytes) -> None:
    assert bounce_of(raw, message_id=MESSAGE_ID, address=TO) is None
