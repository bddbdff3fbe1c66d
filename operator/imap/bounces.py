# SPDX-License-Identifier: Apache-2.0
"""Delivery status notifications (RFC 3464) about our email."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final

from smtp_operator.smtp.replies import clean

_MOST_PARTS: Final = 20
_LONGEST: Final = 2000
_TYPE: Final = re.compile(r"^\s*[A-Za-z0-9-]{1,32}\s*;\s*")


def bounce_of(raw: bytes, *, message_id: str, address: str) -> str | None:
    """Return the receiver's reply if this is a notification that our email to the address failed; else None.

    The notification has to contain the Message-ID of our email.
    """
    notice = message_from_bytes(raw)
    if notice.get_content_type() != "multipart/report" or not notice.is_multipart():
        return None
    if str(notice.get_param("report-type", "")).lower() != "delivery-status":
        return None
    parts = list(_parts(notice))
    if not any(_names(part, message_id) for part in parts):
        return None
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in _blocks(part):
            if str(block.get("Action", "")).strip().lower() == "failed" and _concerns(block, address):
                return _reply(block)
    return None


def _parts(notice: Message) -> Iterator[Message]:
    payload = notice.get_payload()
    if isinstance(payload, list):
        yield from (it for it in payload[:_MOST_PARTS] if isinstance(it, Message))


def _names(part: Message, message_id: str) -> bool:
    """Return whether this part returns our email, or its header."""
    if part.get_content_type() == "message/rfc822":
        payload = part.get_payload()
        returned = payload[0] if isinstance(payload, list) and payload else None
    elif part.get_content_type() == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        returned = message_from_bytes(raw) if isinstance(raw, bytes) else None
    else:
        return False
    return isinstance(returned, Message) and same_id(returned.get("Message-ID"), message_id)


def same_id(found: object, message_id: str) -> bool:
    """Return whether a header's value is exactly this Message-ID."""
    return found is not None and str(found).strip() == message_id


def _blocks(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (it for it in payload[:_MOST_PARTS] if isinstance(it, Message))


def _concerns(block: Message, address: str) -> bool:
    named = [_TYPE.sub("", str(block.get(name, ""))) for name in ("Original-Recipient", "Final-Recipient")]
    return any(it.strip().strip("<>").lower() == address.lower() for it in named)


def _reply(block: Message) -> str:
    diagnostic = clean(_TYPE.sub("", str(block.get("Diagnostic-Code", ""))[:_LONGEST]))
    return diagnostic or clean(str(block.get("Status", ""))[:_LONGEST]) or "no reply"
