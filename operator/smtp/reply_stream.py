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
        self._pending = bytearray()
        self._expected = 0
        self._start = self._searched = self._left = 0
        self.expect(1)

    def expect(self, replies: int) -> None:
        """Expect so many new replies."""
        self._pending.clear()
        self._expected = replies
        self._start = self._searched = 0
        """Where the last line begins, and where the search for its end continues."""
        self._left = _REPLY * replies

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
        self._pending += piece
        replies: list[bytes] = []
        while (end := self._pending.find(b"\n", self._searched)) >= 0:
            start, self._start = self._start, end + 1
            self._searched = self._start
            if not self._pending[start : self._start].strip():
                continue
            if self._start - start > _LINE or not self._pending[start : start + 3].isdigit():
                raise MalformedReply
            if self._pending[start + 3 : start + 4] != b"-":
                replies.append(_of_one_code(bytes(self._pending[: self._start])))
                del self._pending[: self._start]
                self._start = self._searched = 0
                self._expected -= 1
                if not self._expected:
                    return replies
        if self._is_other_protocol():
            raise MalformedReply
        self._searched = len(self._pending)
        if self._searched - self._start > _LINE:
            raise MalformedReply
        return replies

    def _is_other_protocol(self) -> bool:
        """Return whether the last line, without its end, cannot become a line of a reply."""
        size = len(self._pending) - self._start
        if size >= _KNOWN_BY and self._pending[self._start] in _BINARY:
            return True
        return size >= _TEXT_KNOWN_BY and not self._pending[self._start : self._start + 3].isdigit()


def _of_one_code(lines: bytes) -> bytes:
    """Return the lines with the code of the last line; another code belongs to another reply."""
    each = lines.splitlines(keepends=True)
    return b"".join(line for line in each if line[:3] == each[-1][:3])
