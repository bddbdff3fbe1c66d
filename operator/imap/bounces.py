# SPDX-License-Identifier: Apache-2.0
"""Delivery status notifications (RFC 3464) about our email."""

import contextlib
import re
from collections.abc import Iterator
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import compat32
from typing import Final

from smtp_operator.smtp.replies import clean

_MOST_PARTS: Final = 20
_LONGEST: Final = 2000
_TYPE: Final = re.compile(r"^\s*[A-Za-z0-9-]{1,32}\s*;\s*")
# The second name of each type is that of internationalized email (RFC 6533).
_STATUS: Final = ("message/delivery-status", "message/global-delivery-status")
_RETURNED: Final = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_UNFOLDED: Final = compat32.clone(max_line_length=None)
_BLANK_LINES: Final = re.compile(r"\n(?:[ \t]*\n)+")


def bounce_of(raw: bytes, *, message_id: str, address: str) -> str | None:
    """Return the receiver's reply if this is a notification that our email to the address failed; else None.

    The notification has to contain the Message-ID of our email.
    """
    with contextlib.suppress(Exception):  # anyone can send an email that breaks the library
        return _bounce_of(message_from_bytes(raw), message_id, address)
    return None


def _bounce_of(notice: Message, message_id: str, address: str) -> str | None:
    if notice.get_content_type() != "multipart/report" or not notice.is_multipart():
        return None
    if str(notice.get_param("report-type", "")).lower() != "delivery-status":
        return None
    parts = list(_parts(notice))
    if not any(_names(part, message_id) for part in parts):
        return None
    for part in parts:
        if part.get_content_type() in _STATUS:
            for block in _blocks(part):
                if _action(block) == "failed" and _concerns(block, address):
                    return _reply(block)
    return None


def _parts(notice: Message) -> Iterator[Message]:
    payload = notice.get_payload()
    if isinstance(payload, list):
        yield from (it for it in payload[:_MOST_PARTS] if isinstance(it, Message))


def _names(part: Message, message_id: str) -> bool:
    """Return whether this part returns our email, or its header."""
    if part.get_content_type() not in _RETURNED:
        return False
    return same_id(message_from_bytes(_content(part)).get("Message-ID"), message_id)


def _content(part: Message) -> bytes:
    """Return the decoded content of a part, of which the parser may have made emails."""
    encoding = str(part.get("Content-Transfer-Encoding", "8bit"))
    content = part.as_bytes(policy=_UNFOLDED).partition(b"\n\n")[2]
    plain = message_from_bytes(
        b"Content-Transfer-Encoding: " + encoding.encode("ascii", "replace") + b"\n\n" + content
    )
    decoded = plain.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def same_id(found: object, message_id: str) -> bool:
    """Return whether a header's value is exactly this Message-ID."""
    return found is not None and str(found).strip() == message_id


def _blocks(part: Message) -> Iterator[Message]:
    """Yield the fields about the email, then those about each recipient."""
    content = _content(part).replace(b"\r\n", b"\n").decode("utf-8", "replace")
    yield from map(message_from_string, _BLANK_LINES.split(content, _MOST_PARTS)[:_MOST_PARTS])


def _action(block: Message) -> str:
    """Return what happened to the recipient, without a comment."""
    return str(block.get("Action", "")).partition("(")[0].strip().lower()


def _concerns(block: Message, address: str) -> bool:
    named = [_TYPE.sub("", str(block.get(name, ""))) for name in ("Original-Recipient", "Final-Recipient")]
    return any(it.strip().strip("<>").lower() == address.lower() for it in named)


def _reply(block: Message) -> str:
    diagnostic = clean(_TYPE.sub("", str(block.get("Diagnostic-Code", ""))[:_LONGEST]))
    return diagnostic or clean(str(block.get("Status", ""))[:_LONGEST]) or "no reply"
