# SPDX-License-Identifier: Apache-2.0
"""Detection of the end of a reply that arrives in pieces. Each byte is read once."""

from typing import Final

_LINE: Final = 8192
"""Bytes of a line; RFC 5321 allows 512."""
_REPLY: Final = 4 * _LINE
"""Bytes of a reply with all its lines, or of the data between it and the next command."""
_PIECE_COST: Final = 32
"""Fewest bytes that a piece counts as: a reply in single bytes takes as much time as a megabyte."""


class MalformedReply(Exception):
    """The server sent data that is not an SMTP reply, or a reply that is too long."""


class ReplyStream:
    """Collects one reply after each ``clear``; later bytes are counted and dropped."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._start = 0
        """Where the last line begins."""
        self._searched = 0
        self._left = _REPLY
        self._whole = False

    def clear(self) -> None:
        """Expect a new reply."""
        self._pending.clear()
        self._start = self._searched = 0
        self._left = _REPLY
        self._whole = False

    def add(self, piece: bytes) -> bytes | None:
        """Add received data. Return the reply when it is complete, once; else None.

        Raises:
            MalformedReply: the connection cannot be used any longer.
        """
        self._left -= max(len(piece), _PIECE_COST)
        if self._left < 0:
            raise MalformedReply
        if self._whole:
            return None
        self._pending += piece
        while (end := self._pending.find(b"\n", self._searched)) >= 0:
            start, self._start = self._start, end + 1
            self._searched = self._start
            if self._start - start > _LINE or not self._pending[start : start + 3].isdigit():
                raise MalformedReply
            if self._pending[start + 3 : start + 4] != b"-":
                self._whole = True
                return _of_one_code(bytes(self._pending[: self._start]))
        self._searched = len(self._pending)
        if self._searched - self._start > _LINE:
            raise MalformedReply
        return None


def _of_one_code(lines: bytes) -> bytes:
    """Return the lines with the code of the last line; another code belongs to another reply."""
    each = lines.splitlines(keepends=True)
    return b"".join(line for line in each if line[:3] == each[-1][:3])
