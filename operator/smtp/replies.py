# SPDX-License-Identifier: Apache-2.0
"""A mail server's reply: code, enhanced code and sanitized text (RFC 5321, RFC 2034)."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

_READ: Final = 8192
"""Characters of a reply that are read; real replies are shorter."""
_CODE: Final = re.compile(rb"^\d{3}.?", re.MULTILINE)
_ENHANCED: Final = re.compile(r"^\W{0,2}([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])[\s:-]*")
_ENHANCED_INSIDE: Final = re.compile(r"[(\[]#?([245])\.(\d{1,3})\.(\d{1,3})[)\]]")
_ENHANCED_ANYWHERE: Final = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


def clean(text: str) -> str:
    """Return one printable line without control or escape sequences, surrogates and invisible characters."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_harmless, _ESCAPE.sub("", text)))
    return " ".join(text.split())


def _harmless(sign: str) -> str:
    if sign.isprintable():
        return sign
    kind = unicodedata.category(sign)
    if kind == "Cf":
        return ""
    return "\N{REPLACEMENT CHARACTER}" if kind in {"Cs", "Co", "Cn"} else " "


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply. ``text`` is clean, on one line, without the enhanced code, and not redacted."""

    code: int
    text: str = field(default="", repr=False)
    enhanced: str = ""
    """For example ``5.7.8``; empty if the server sent none, or one of another class (RFC 2034)."""
    lines: tuple[str, ...] = field(default=(), repr=False)
    """The lines, each clean; an EHLO reply lists its extensions there."""

    @classmethod
    def of_lines(cls, received: bytes) -> "Reply":
        """Return the reply that consists of these lines, each with its code and its end."""
        text = _CODE.sub(b"", received.replace(b"\r\n", b"\n").removesuffix(b"\n"))
        return cls.of(int(received[:3]), text.decode("utf-8", "surrogateescape"))

    @classmethod
    def of(cls, code: int, raw: str) -> "Reply":
        """Return a reply with this code; ``\\n`` separates the lines of its text."""
        raw = raw[:_READ]
        lines = tuple(map(clean, raw.split("\n")))
        enhanced = ""
        words = []
        for line in lines:
            found = _ENHANCED.match(line)
            if found is None or int(found[1]) != code // 100:
                words.append(line)
                continue
            enhanced = enhanced or _code(found)
            words.append(line[found.end() :])
        if not enhanced:
            inside = _ENHANCED_INSIDE.search(raw)
            if inside is not None and int(inside[1]) == code // 100:
                enhanced = _code(inside)
        return cls(code, " ".join(filter(None, words)), enhanced, lines)

    @property
    def short(self) -> str:
        """The code and the enhanced code, such as ``535 5.7.8``."""
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)

    @property
    def line(self) -> str:
        """The complete reply on one line, as the server sent it; not redacted.

        It contains the code once, and an enhanced code once if every line repeats it.
        """
        if len(self.lines) == 1:
            return f"{self.code} {self.lines[0]}".rstrip()
        return f"{self.code} {' '.join(shown for shown, _ in self._parts)}".rstrip()

    def span_in_line(self, begin: int, end: int) -> tuple[int, int]:
        """Return the part of ``line`` that has ``text[begin:end]``."""
        places: list[int] = []
        at = len(f"{self.code} ")
        for shown, words in self._parts:
            if words:
                places += range(at + len(shown) - len(words), at + len(shown) + 1)
            at += len(shown) + 1
        if begin >= end or not places:
            return 0, 0
        return places[min(begin, len(places) - 1)], places[min(end, len(places)) - 1] + 1

    @property
    def enhanced_in_line(self) -> tuple[int, int]:
        """Return the part of ``line`` that has the enhanced code; empty if there is none."""
        codes = _ENHANCED_ANYWHERE.finditer(self.line)
        return next((it.span() for it in codes if _number(it[0]) == self.enhanced), (0, 0))

    @property
    def _parts(self) -> list[tuple[str, str]]:
        """Return each line that is shown, and the part of it after the enhanced code."""
        if not self.lines:
            return [(f"{self.enhanced} {self.text}".strip(), self.text)] if self.enhanced or self.text else []
        parts: list[tuple[str, str]] = []
        first = ""
        for line in self.lines:
            found = _ENHANCED.match(line)
            if found is None or int(found[1]) != self.code // 100:
                parts.append((line, line))
                continue
            words = line[found.end() :]
            repeated = bool(parts) and _code(found) == first
            first = first if parts else _code(found)
            parts.append((words if repeated else line, words))
        return [part for part in parts if part[0]]

    @property
    def good(self) -> bool:
        """Whether the code means success, 2xx."""
        return self.code // 100 == 2

    @property
    def temporary(self) -> bool:
        """Whether the code means "try again", 4xx. Servers also use it for permanent faults."""
        return self.code // 100 == 4


def _number(enhanced: str) -> str:
    return ".".join(str(int(number)) for number in enhanced.split("."))


def _code(found: re.Match[str]) -> str:
    return f"{int(found[1])}.{int(found[2])}.{int(found[3])}"
