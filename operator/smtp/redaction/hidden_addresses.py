# SPDX-License-Identifier: Apache-2.0
"""Search for hidden addresses in all forms: complete, rewritten, encoded, or only the local part."""

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from smtp_operator.smtp.redaction.readings import Reading, Span, readings_of
from smtp_operator.smtp.redaction.secret_forms import base64_forms, compact, octets

_QUOTED_PAIR: Final = re.compile(r"\\(.)")  # RFC 5321, section 4.1.2

Label = tuple[Span, str]
"""The span to hide, and the text that replaces it."""


class HiddenAddresses:
    """Finds addresses, and their local parts as whole words.

    A local part inside a public address or host of the spec stays.
    """

    def __init__(
        self, addresses: Mapping[str, str], *, words: Mapping[str, str], public: Iterable[str]
    ) -> None:
        """Keep ``addresses`` and ``words``, which map hidden texts to their replacements."""
        self._forms: dict[str, str] = {}
        self._hex: dict[str, str] = {}
        self._words = {_same(word): label for word, label in words.items() if word}
        for address, label in addresses.items():
            local, _, domain = address.rpartition("@")
            self._add(address, label)
            for rewritten in (f"{local}={domain}", f"{local}(at){domain}", f"{local}[at]{domain}"):
                self._forms[compact(rewritten)] = label
            for word in filter(None, _words_of(local)):
                self._words.setdefault(_same(word), label)
        self._otherwise = next(iter(self._words.values()), "")
        self._word = _pattern(self._words)
        self._shown = _pattern(filter(None, public), more=r".+\-") if self._words else None

    @property
    def least(self) -> int:
        """The length of the shortest form, at least 4."""
        return max(4, min(map(len, (*self._words, *self._forms)), default=4))

    def __bool__(self) -> bool:
        return bool(self._words or self._forms)

    def _add(self, address: str, label: str) -> None:
        raw = octets(address)
        for form in (compact(address), compact(raw.decode("latin-1")), *base64_forms(raw)):
            self._forms[form] = label
        self._hex[raw.hex()] = label

    def spans_in(self, reading: Reading) -> Iterator[Label]:
        """Yield the span of each hidden address and word, with its replacement."""
        for forms, text, span in (
            (self._forms, reading.folded, reading.span_of_folded),
            (self._hex, reading.digits, reading.span_of_digits),
        ):
            for form, label in forms.items():
                at = text.find(form)
                while at >= 0:
                    yield span(at, at + len(form)), label
                    at = text.find(form, at + len(form))
        yield from self._words_in(reading)

    def label_of(self, decoded: str) -> str:
        """Return the replacement for a text with a hidden address or word; empty if it has none."""
        return next((label for it in readings_of(decoded) for _, label in self.spans_in(it)), "")

    def _words_in(self, reading: Reading) -> Iterator[Label]:
        if self._word is None:
            return
        public = [it.span() for it in self._shown.finditer(reading.text)] if self._shown else []
        public.reverse()
        for found in self._word.finditer(reading.text):
            begin, end = found.span()
            while public and public[-1][1] < end:
                public.pop()
            if not (public and public[-1][0] <= begin):
                yield reading.span(begin, end), self._words.get(_same(found[0]), self._otherwise)


def _words_of(local: str) -> Iterator[str]:
    """Yield the words that a server may use for the mailbox."""
    yield local
    if local[:1] == local[-1:] == '"':
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        yield local
    plain = local.partition("+")[0]
    for word in (plain, *(plain.replace(".", between) for between in ("", " ", "-", "_"))):
        yield word
        for form in ("NFC", "NFD", "NFKC"):
            yield unicodedata.normalize(form, word)
        yield octets(word).decode("latin-1")
    if len(local) > 2:
        yield base64.b64encode(octets(local)).decode().rstrip("=")
        yield octets(local).hex()


def _pattern(words: Iterable[str], *, more: str = "") -> re.Pattern[str] | None:
    """Return a pattern for the words without an adjacent letter, digit or character of ``more``."""
    longest_first = sorted(set(words), key=lambda it: (-len(it), it)) if words else []
    if not longest_first:
        return None
    around = rf"[^\W_]|[{more}]" if more else r"[^\W_]"
    return re.compile(
        rf"(?<!{around})(?:{'|'.join(map(re.escape, longest_first))})(?!{around})", re.IGNORECASE
    )


def _same(word: str) -> str:
    return word.casefold()
