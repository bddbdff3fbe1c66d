# SPDX-License-Identifier: Apache-2.0
"""Output to terminals, and to readers that can close the stream early.

The commands write all text through ``write``, which removes every control sequence but their own:
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
"""Marks the command's own control sequences; random, so no foreign text can contain it."""


class Control(StrEnum):
    """A control sequence that the command puts into a text for ``write``."""

    GREEN = f"\ufdd0{_KEY}g\ufdd1"
    RED = f"\ufdd0{_KEY}r\ufdd1"
    DIM = f"\ufdd0{_KEY}d\ufdd1"
    PLAIN = f"\ufdd0{_KEY}p\ufdd1"
    LINE_START = f"\ufdd0{_KEY}s\ufdd1"
    TAB = f"\ufdd0{_KEY}t\ufdd1"
    CLEAR_LINE = f"\ufdd0{_KEY}c\ufdd1"


_SEQUENCES: Final = {
    Control.GREEN: "\x1b[32m",
    Control.RED: "\x1b[31m",
    Control.DIM: "\x1b[2m",
    Control.PLAIN: "\x1b[0m",
    Control.LINE_START: "\r",
    Control.TAB: "\t",
    Control.CLEAR_LINE: "\r\x1b[K",
}
_CONTROL: Final = re.compile(f"(\ufdd0{_KEY}[a-z]\ufdd1)")
_ESCAPE: Final = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colors, cursor
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC, DCS, APC
    "|\x1b[ -~]?"
)
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters outside category Cf that terminals show as nothing."""


def printable(text: str) -> str:
    """Return the text without terminal sequences and without control, bidi and zero-width characters.

    Line feeds stay; a tab becomes a space.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_shown, _ESCAPE.sub("", text.replace("\r\n", "\n"))))


def one_line(text: str) -> str:
    """Return the ``printable`` text with a space for each line feed, so that a value cannot fake a line."""
    return printable(text).replace("\n", " ")


def _shown(char: str) -> str:
    if char == "\n":
        return char
    category = unicodedata.category(char)
    if (
        category == "Cf"
        or char in _INVISIBLE
        or 0xFE00 <= ord(char) <= 0xFE0F
        or 0xE0100 <= ord(char) <= 0xE01EF
    ):
        return ""
    if category in {"Cs", "Co", "Cn"}:
        return "\N{REPLACEMENT CHARACTER}"
    return " " if category in {"Cc", "Zl", "Zp"} else char


def write(stream: TextIO, text: str) -> OSError | None:
    """Write the ``printable`` text and flush; return the error, if any.

    After an error, the stream discards all further output.
    """
    pieces = _CONTROL.split(text)
    safe = "".join(
        _SEQUENCES[Control(piece)] if i % 2 else printable(piece) for i, piece in enumerate(pieces)
    )
    try:
        stream.write(safe)
        stream.flush()
    except OSError as error:
        # The rest of the buffer would fail again at exit, and change the exit code.
        with contextlib.suppress(OSError):
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, stream.fileno())
            os.close(devnull)
        return error
    return None
