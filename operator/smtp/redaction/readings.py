# SPDX-License-Identifier: Apache-2.0
"""The readings of a text: unchanged, and with its escapes decoded layer by layer.

A reading maps each of its characters to a part of the original text. All functions take linear time.
"""

import html
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

_PERCENT: Final = r"%u(?P<percent4>[0-9a-f]{4})|%(?P<percent>[0-9a-f]{2})"
_QUOTED: Final = r"=(?P<quoted>[0-9a-f]{2})|(?P<break>=\s)"
_BACKSLASH: Final = (
    r"\\x(?P<hex>[0-9a-f]{2})|\\u\{0{0,8}(?P<braced>[0-9a-f]{1,6})\}|\\(?-i:U)(?P<long>00[0-9a-f]{6})"
    r"|\\u(?P<unicode>[0-9a-f]{4})|\\(?P<octal>[0-3][0-7]{2})|\\(?P<sign>[\"'\\/abfnrtv])"
)
_ENTITY: Final = (
    r"&\#x0{0,8}(?P<entity_hex>[0-9a-f]{1,6});?|&\#0{0,8}(?P<entity>[0-9]{1,7});?"
    r"|(?P<named>&[a-z]{2,8}[0-9]{0,2};)"
)
_FAMILIES: Final = tuple(
    re.compile(family, re.IGNORECASE) for family in (_PERCENT, _QUOTED, _BACKSLASH, _ENTITY)
)
_ANY: Final = re.compile("|".join((_PERCENT, _QUOTED, _BACKSLASH, _ENTITY)), re.IGNORECASE)
_LAYERS: Final = 2
"""Number of layers of nested escapes that are decoded, such as ``%253D`` or ``&amp;#61;``."""
_BASES: Final = {"octal": 8, "entity": 10}
_CONTROLS: Final = frozenset("abfnrtv")
_DECIMALS: Final = re.compile(r"(?:\b[0-9]{1,3}(?:, ?| )){3,}[0-9]{1,3}\b")
_DECIMAL: Final = re.compile(r"[0-9]{1,3}")
_HEX_PREFIX: Final = re.compile(r"0x(?=[0-9a-f]{2})|[^0-9a-z]+")

Span = tuple[int, int]


class Reading:
    """A reading of a text."""

    def __init__(self, text: str, places: list[Span] | None = None) -> None:
        """Keep ``text`` and, per character, its part of the original. None: the text is the original."""
        self.text = text
        self.folded = "".join(text.split()).casefold()
        """The case-folded text without whitespace."""
        self._places = places

    @cached_property
    def digits(self) -> str:
        """The letters and digits without ``0x`` and separators, to find sequences of hex digits."""
        return _HEX_PREFIX.sub("", self.folded)

    def span(self, begin: int, end: int) -> Span:
        """Return the part of the original for ``text[begin:end]``."""
        if self._places is None:
            return begin, end
        return self._places[begin][0], self._places[end - 1][1]

    def span_of_folded(self, begin: int, end: int) -> Span:
        """Return the part of the original for ``folded[begin:end]``."""
        return self.span(self._folded_at[begin], self._folded_at[end - 1] + 1)

    def span_of_digits(self, begin: int, end: int) -> Span:
        """Return the part of the original for ``digits[begin:end]``."""
        return self.span_of_folded(self._digits_at[begin], self._digits_at[end - 1] + 1)

    @cached_property
    def _folded_at(self) -> list[int]:
        return [
            at
            for at, sign in enumerate(self.text)
            if not sign.isspace()
            for _ in sign.casefold()  # ``ß`` folds to two characters
        ]

    @cached_property
    def _digits_at(self) -> list[int]:
        kept: list[int] = []
        end = 0
        for dropped in _HEX_PREFIX.finditer(self.folded):
            kept += range(end, dropped.start())
            end = dropped.end()
        return [*kept, *range(end, len(self.folded))]

    def decoded(self, escape: re.Pattern[str] = _ANY) -> "Reading | None":
        """Decode one layer of escapes. Return None if the text has none."""
        if escape.search(self.text) is None:
            return None
        text: list[str] = []
        places: list[Span] = []
        all_places = self._places or [(at, at + 1) for at in range(len(self.text))]
        end = 0
        for found in escape.finditer(self.text):
            text.append(self.text[end : found.start()])
            begin = found.start()
            places += all_places[end:begin]
            end = found.end()
            written = _character(found)
            text.append(written)
            places += [(all_places[begin][0], all_places[end - 1][1])] * len(written)
        text.append(self.text[end:])
        places += all_places[end:]
        return Reading("".join(text), places)


def readings_of(text: str) -> Iterator[Reading]:
    """Yield the unchanged text, the text with decoded escapes, and decoded lists of decimal octets.

    Each kind of escapes is also decoded alone, because literal text may look like another kind of escape.
    """
    plain = Reading(text)
    yield plain
    first = plain.decoded()
    if first is not None:
        kinds = [kind for kind in _FAMILIES if kind.search(text)]
        for escape in [_ANY, *(kinds if len(kinds) > 1 else ())]:
            reading = plain.decoded(escape)
            for _ in range(_LAYERS):
                if reading is None:
                    break
                yield reading
                reading = reading.decoded(escape)
    for listed in _DECIMALS.finditer(text):
        numbers = list(_DECIMAL.finditer(text, *listed.span()))
        yield Reading("".join(chr(int(it[0])) for it in numbers), [it.span() for it in numbers])


def _character(found: re.Match[str]) -> str:
    kind, digits = found.lastgroup, found[found.lastgroup or 0]
    if kind == "break" or digits in _CONTROLS:
        return " "
    if kind == "sign":
        return digits
    if kind == "named":
        return html.unescape(digits)
    code = int(digits, _BASES.get(kind or "", 16))
    return chr(code) if code <= 0x10FFFF else ""
