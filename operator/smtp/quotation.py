# SPDX-License-Identifier: Apache-2.0
"""Quotations of a mail server's replies: verbatim, and cut so that the deciding words stay."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

MARK: Final = "…"
"""The sign that replaces each omitted part."""
SERVER_TEXT: Final = 200
"""Longest text of a server in a status, in characters."""

_CODE: Final = re.compile(r"[2-5]\d\d(?: [245]\.\d{1,3}\.\d{1,3})? ")
_CONTEXT: Final = 40
"""Characters before the deciding words that a cut keeps, if there is space for them."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Quotation:
    """A reply, redacted but not cut. ``decisive`` is the part of ``text`` that led to the verdict."""

    text: str = ""
    decisive: Span = (0, 0)

    def __bool__(self) -> bool:
        return bool(self.text)

    def cut(self, characters: int = SERVER_TEXT, *, octets: int | None = None) -> str:
        """Return the text in at most so many characters and octets of UTF-8.

        A cut keeps the reply code and the deciding words. If the deciding words are too long themselves, it
        keeps their start and their end. ``MARK`` replaces each part that is left out.
        """

        if octets is None and len(self.text) <= characters:
            return self.text

        def fits(text: str) -> bool:
            return len(text) <= characters and (octets is None or len(text.encode()) <= octets)

        if fits(self.text):
            return self.text
        begin, end = self.decisive
        front = self._longest(lambda size: self.text[:size].rstrip() + MARK, fits)
        if len(front) > end:
            return front
        code = _CODE.match(self.text)
        head = code.end() if code and code.end() <= begin else 0
        near = max(head, begin - _CONTEXT)
        near = near if near == head else self.text.find(" ", near, begin) + 1 or begin
        for start in (near, begin):
            if fits(self._parts(head, (start, end))):
                return self._longest(partial(self._extended, head, start, end), fits)
        return self._longest(partial(self._ends, head, begin, end), fits)

    def _extended(self, head: int, begin: int, end: int, size: int) -> str:
        return self._parts(head, (begin, end + size))

    def _ends(self, head: int, begin: int, end: int, size: int) -> str:
        return self._parts(head, (begin, begin + size), (max(begin + size, end - size), end))

    def _parts(self, head: int, *spans: Span) -> str:
        """Return the first ``head`` characters and the spans, with marks for what is between them."""
        text, at = self.text[:head], head
        for begin, end in spans:
            text += (MARK if begin > at else "") + self.text[begin:end]
            at = max(at, end)
        return text.rstrip() + MARK if at < len(self.text) else text

    def _longest(self, made: Callable[[int], str], fits: Callable[[str], bool]) -> str:
        """Return the longest of the texts that ``made`` makes of 0 to all characters and that fits."""
        low, high = 0, len(self.text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(made(middle)) else (low, middle - 1)
        return made(low)
