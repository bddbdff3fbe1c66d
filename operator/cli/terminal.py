# SPDX-License-Identifier: Apache-2.0
"""How a verdict looks on a terminal, in a file, and where a terminal lacks the signs for it."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TextIO

from smtp_operator.api.status import SuggestedSettings
from smtp_operator.cli.streams import Control, one_line

_MARKS, _ASCII_MARKS = ("✓", "✗", "…"), ("ok", "FAILED", "...")
_WIDTH: Final = 100


class ColorMode(StrEnum):
    """When to write in colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class TerminalStyle:
    """What a stream can show."""

    live: bool = False
    """Whether a line may be written over."""
    colour: bool = False
    marks: tuple[str, str, str] = _MARKS

    @classmethod
    def of(
        cls, stream: TextIO, environment: Mapping[str, str], colour: ColorMode = ColorMode.AUTO
    ) -> "TerminalStyle":
        """By itself colours on a terminal only, and not where NO_COLOR is set (no-color.org)."""
        live = stream.isatty() and environment.get("TERM") != "dumb"
        try:
            "".join(_MARKS).encode(stream.encoding or "utf-8")
        except (UnicodeEncodeError, LookupError):
            marks = _ASCII_MARKS
        else:
            marks = _MARKS
        by_itself = live and not environment.get("NO_COLOR")
        coloured = colour is ColorMode.ALWAYS or (colour is ColorMode.AUTO and by_itself)
        return cls(live=live, colour=coloured, marks=marks)

    def marked(self, *, good: bool, text: str = "") -> str:
        """The mark of success or failure, and a text of the same colour."""
        mark = self.marks[0] if good else self.marks[1]
        return self._painted(f"{mark} {text}" if text else mark, Control.GREEN if good else Control.RED)

    def dim(self, text: str) -> str:
        """Something of less importance."""
        return self._painted(text, Control.DIM)

    def painted(self, text: str, *, good: bool) -> str:
        """A text in the colour of success or failure."""
        return self._painted(text, Control.GREEN if good else Control.RED)

    def _painted(self, text: str, colour: Control) -> str:
        return f"{colour}{text}{Control.PLAIN}" if self.colour else text


def verdict_text(
    look: TerminalStyle,
    *,
    name: str,
    passed: bool | None,
    summary: str,
    paragraphs: Iterable[str],
    dialogue: Iterable[str],
    suggestion: SuggestedSettings | None,
) -> str:
    """A verdict for people: what it is, what to do, and of a failed test the dialogue.

    ``passed`` is None where there is no verdict yet.
    """
    name, summary = one_line(name), one_line(summary)
    head = f"{look.marks[2]} {summary}" if passed is None else look.marked(good=passed, text=summary)
    lines = [f"{head}  {name}"]
    for paragraph in paragraphs:
        lines += wrapped(paragraph)
    if said := [f"    {look.dim(one_line(line))}" for line in dialogue]:
        lines += ["", "  The dialogue:", *said]
    if suggestion is not None:
        lines += ["", "  A second look found that this would work:"]
        fields = suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        lines += [f"    {field}: {one_line(str(value))}" for field, value in fields.items()]
    return "\n".join(lines) + "\n"


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """A paragraph in lines of 100 characters; no value that is to be copied is broken in two."""
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
