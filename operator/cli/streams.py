# SPDX-License-Identifier: Apache-2.0
"""Output for terminals, and for readers that may go away.

Every text of the commands passes ``write``, which lets no control sequence through but the command's own:
names, messages and replies come from files, objects and servers.
"""

import contextlib
import os
import re
import secrets
import unicodedata
from enum import StrEnum
from typing import Final, TextIO

_KEY: Final = secrets.token_hex(8)
"""Marks the command's own control sequences; no foreign text can know it."""


class Control(StrEnum):
    """A control sequence of the command itself, as it is put into a text for ``write``."""

    GREEN = f"\ufdd0{_KEY}g\ufdd1"
    RED = f"\ufdd0{_KEY}r\ufdd1"
    DIM = f"\ufdd0{_KEY}d\ufdd1"
    PLAIN = f"\ufdd0{_KEY}p\ufdd1"
    LINE_START = f"\ufdd0{_KEY}s\ufdd1"
    TAB = f"\ufdd0{_KEY}t\ufdd1"
    CLEAR_LINE = f"\ufdd0{_KEY}c\ufdd1"


_SENT: Final = {
    Control.GREEN: "\x1b[32m",
    Control.RED: "\x1b[31m",
    Control.DIM: "\x1b[2m",
    Control.PLAIN: "\x1b[0m",
    Control.LINE_START: "\r",
    Control.TAB: "\t",
    Control.CLEAR_LINE: "\r\x1b[K",
}
_OWN: Final = re.compile(f"(\ufdd0{_KEY}[a-z]\ufdd1)")
_ESCAPE: Final = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colors, cursor
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC and the like
    "|\x1b[ -~]?"
)
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Not of category Cf, and shown as nothing all the same."""


def printable(text: str) -> str:
    """The text without terminal sequences and without control, bidi and zero-width characters.

    Line feeds stay; a tab becomes a blank.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_shown, _ESCAPE.sub("", text.replace("\r\n", "\n"))))


def one_line(text: str) -> str:
    """As ``printable``, with a blank for each line feed: for a value that must not look like a line."""
    return printable(text).replace("\n", " ")


def _shown(sign: str) -> str:
    if sign == "\n":
        return sign
    kind = unicodedata.category(sign)
    if kind == "Cf" or sign in _INVISIBLE or 0xFE00 <= ord(sign) <= 0xFE0F or 0xE0100 <= ord(sign) <= 0xE01EF:
        return ""
    if kind in {"Cs", "Co", "Cn"}:
        return "\N{REPLACEMENT CHARACTER}"
    return " " if kind in {"Cc", "Zl", "Zp"} else sign


def write(stream: TextIO, text: str) -> OSError | None:
    """Writes at once what is ``printable``; gives what went wrong. From then on the stream swallows all."""
    pieces = _OWN.split(text)
    safe = "".join(_SENT[Control(piece)] if i % 2 else printable(piece) for i, piece in enumerate(pieces))
    try:
        stream.write(safe)
        stream.flush()
    except OSError as error:
        # What is left in the buffer would fail again at the end of the process, and change its exit code.
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return error
    return None
