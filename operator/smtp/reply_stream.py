# SPDX-License-Identifier: Apache-2.0
"""Detection of the end of each reply in data that arrives in pieces. Each byte is read once."""

from typing import Final

_LINE: Final = 8192
"""Bytes of a line; RFC 5321 allows 512."""
_REPLY: Final = 4 * _LINE
"""Bytes of a reply with all its lines, or of the data between it and the next command."""
_PIECE_COST: Final = 32
"""Fewest bytes that a piece counts as: a reply in single bytes takes as much time as a megabyte."""

_BINARY: Final = frozenset(range(256)) - frozenset(range(32, 127)) - frozenset(b"\t\r\n")
_KNOWN_BY: Final = 4
"""Bytes of a line that are enough to tell that it is no text."""
_TEXT_KNOWN_BY: Final = 8
"""Bytes of a line without a code that are enough to tell its protocol."""


class MalformedReply(Exception):
    """The server sent data that is not an SMTP reply, or a reply that is too long."""


class ReplyStream:
    """Collects the expected replies after each ``expect``; later bytes are counted and dropped."""

    def __init__(self) -> None:
        self.expect(1)

    def expect(self, replies: int) -> None:
        """Expect so many new replies."""
        self._expected = replies
        self._left = _REPLY * replies
        self._lines: list[bytes] = []
        """The complete lines of the next reply."""
        self._rest = b""
        """The last line, which is not complete."""

    def add(self, piece: bytes) -> list[bytes]:
        """Add received data. Return each expected reply once, when it is complete.

        Blank lines are dropped, although no server should send them.

        Raises:
            MalformedReply: the connection cannot be used any longer.
        """
        self._left -= max(len(piece), _PIECE_COST)
        if self._left < 0:
            raise MalformedReply
        if not self._expected:
            return []
        *lines, rest = (self._rest + piece).split(b"\n")
        replies: list[bytes] = []
        for line in lines:
            if not line or line.isspace():
                continue
            code = line[:3]
            if len(line) >= _LINE or not code.isdigit() or len(code) < 3:
                raise MalformedReply
            self._lines.append(line)
            if line[3:4] != b"-":
                only = len(self._lines) == 1
                replies.append(line + b"\n" if only else _of_one_code(self._lines, code))
                self._lines = []
                self._expected -= 1
                if not self._expected:
                    return replies
        if rest and (len(rest) > _LINE or _is_other_protocol(rest)):
            raise MalformedReply
        self._rest = rest
        return replies


def _is_other_protocol(start: bytes) -> bool:
    """Return whether the start of a line cannot become a line of a reply."""
    if len(start) >= _KNOWN_BY and start[0] in _BINARY:
        return True
    return len(start) >= _TEXT_KNOWN_BY and not start[:3].isdigit()


def _of_one_code(lines: list[bytes], code: bytes) -> bytes:
    """Return the lines with the code of the last line; another code belongs to another reply."""
    return b"".join([line + b"\n" for line in lines if line.startswith(code)])
