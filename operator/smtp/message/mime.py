# SPDX-License-Identifier: Apache-2.0
"""Builder for the test email (RFC 5322, 2045, 2047, 3834).

It does not use the ``email`` package, whose policies cost more CPU than the rest of a dialogue. Header names
are constants of the code; a value with a line break is refused. There is never a Bcc header.
"""

import base64
import binascii
import re
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Final

from smtp_operator.smtp.message.addresses import Mailbox

_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LONGEST_LINE: Final = 998
_WORD_OCTETS: Final = 42
"""Octets of text in one encoded word, so that it stays below 75 characters (RFC 2047 section 2)."""


def build_message(
    *,
    sender: Mailbox,
    to: Iterable[Mailbox],
    cc: Iterable[Mailbox],
    subject: str,
    body: str,
    headers: Iterable[tuple[str, str]] = (),
    message_id: str,
    now: float | None = None,
    smtputf8: bool = False,
) -> bytes:
    """Return the email with CRLF line ends. ``now`` is in seconds since the epoch.

    With ``smtputf8``, addresses may contain UTF-8 (RFC 6532); everything else is always ASCII.

    Raises:
        ValueError: a header value has a line break.
    """
    content, encoding = encode_body(body)
    lines = [
        f"Date: {formatdate(time.time() if now is None else now)}",
        f"From: {_mailbox(sender)}",
        f"To: {_list(to) or 'undisclosed-recipients:;'}",
    ]
    copies = _list(cc)
    if copies:
        lines.append(f"Cc: {copies}")
    lines += [
        f"Message-ID: {_one_line(message_id)}",
        f"Subject: {encode_words(subject)}",
        "Auto-Submitted: auto-generated",
        *(f"{name}: {encode_words(value)}" for name, value in headers),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("utf-8" if smtputf8 else "ascii") + content


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("a header's value has a line break or another control character")
    return text


def encode_words(text: str) -> str:
    """Return text for a header, as encoded words if it is not ASCII (RFC 2047).

    Raises:
        ValueError: the text has a line break.
    """
    if _one_line(text).isascii() and len(text) < _LONGEST_LINE - 100 and "=?" not in text:
        return text
    words = []
    rest = text
    while rest:
        size = len(rest)
        while len(raw := rest[:size].encode("utf-8", "replace")) > _WORD_OCTETS:
            size = min(size - 1, _WORD_OCTETS)
        words.append(f"=?utf-8?b?{base64.b64encode(raw).decode()}?=")
        rest = rest[size:]
    return "\r\n ".join(words)


def _mailbox(mailbox: Mailbox) -> str:
    name = mailbox.name
    if not name:
        return mailbox.address
    if not _ATOMS.fullmatch(name):
        if _one_line(name).isascii():
            quoted = name.replace("\\", r"\\").replace('"', r"\"")
            return f'"{quoted}" <{mailbox.address}>'
        name = encode_words(name)
    return f"{name} <{mailbox.address}>"


def _list(mailboxes: Iterable[Mailbox]) -> str:
    return ",\r\n ".join(map(_mailbox, mailboxes))


def encode_body(body: str) -> tuple[bytes, str]:
    """Return the body with CRLF line ends and its encoding: 7bit if possible, else quoted-printable."""
    text = "\r\n".join(_LINE_END.split(body))
    if not text.endswith("\r\n"):
        text += "\r\n"
    raw = text.encode("utf-8", "replace")
    if text.isascii() and "\0" not in text and max(map(len, text.split("\r\n"))) <= _LONGEST_LINE:
        return raw, "7bit"
    return binascii.b2a_qp(raw, istext=True), "quoted-printable"
