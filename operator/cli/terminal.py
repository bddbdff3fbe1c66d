# SPDX-License-Identifier: Apache-2.0
"""Format a verdict for a terminal, for a file, and for encodings without the marks."""

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
    """When to use colors."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class TerminalStyle:
    """Capabilities of an output stream."""

    live: bool = False
    """Whether a line can be overwritten."""
    color: bool = False
    marks: tuple[str, str, str] = _MARKS

    @classmethod
    def of(
        cls, stream: TextIO, environment: Mapping[str, str], color: ColorMode = ColorMode.AUTO
    ) -> "TerminalStyle":
        """Detect the style; ``auto`` uses colors on a terminal, unless NO_COLOR is set (no-color.org)."""
        live = stream.isatty() and environment.get("TERM") != "dumb"
        try:
            "".join(_MARKS).encode(stream.encoding or "utf-8")
        except (UnicodeEncodeError, LookupError):
            marks = _ASCII_MARKS
        else:
            marks = _MARKS
        automatic = live and not environment.get("NO_COLOR")
        use_color = color is ColorMode.ALWAYS or (color is ColorMode.AUTO and automatic)
        return cls(live=live, color=use_color, marks=marks)

    def marked(self, *, good: bool, text: str = "") -> str:
        """Return the mark of success or failure, with a text of the same color."""
        mark = self.marks[0] if good else self.marks[1]
        return self._painted(f"{mark} {text}" if text else mark, Control.GREEN if good else Control.RED)

    def dim(self, text: str) -> str:
        """Return the text in the dim color, for secondary details."""
        return self._painted(text, Control.DIM)

    def painted(self, text: str, *, good: bool) -> str:
        """Return the text in the color of success or failure."""
        return self._painted(text, Control.GREEN if good else Control.RED)

    def _painted(self, text: str, color: Control) -> str:
        return f"{color}{text}{Control.PLAIN}" if self.color else text


def verdict_text(
    style: TerminalStyle,
    *,
    name: str,
    passed: bool | None,
    summary: str,
    paragraphs: Iterable[str],
    dialogue: Iterable[str],
    suggestion: SuggestedSettings | None,
) -> str:
    """Return a verdict as text: the result, the fix and, for a failed test, the dialogue.

    ``passed`` is None if there is no verdict yet.
    """
    name, summary = one_line(name), one_line(summary)
    head = f"{style.marks[2]} {summary}" if passed is None else style.marked(good=passed, text=summary)
    lines = [f"{head}  {name}"]
    for paragraph in paragraphs:
        lines += wrapped(paragraph)
    if quoted := [f"    {style.dim(one_line(line))}" for line in dialogue]:
        lines += ["", "  SMTP dialogue:", *quoted]
    if suggestion is not None:
        lines += ["", "  These settings worked in a second attempt:"]
        fields = suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        lines += [f"    {field}: {one_line(str(value))}" for field, value in fields.items()]
    return "\n".join(lines) + "\n"


def sender_paragraph(reason: str, message: str) -> str:
    """Return what DNS says about the sender, as a paragraph of a verdict."""
    return f"Sender authentication ({reason}): {message}"


def delivery_paragraph(reason: str, message: str) -> str:
    """Return what became of the email in the mailbox, as a paragraph of a verdict."""
    return f"Delivery ({reason}): {message}"


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Wrap a paragraph at 100 characters; values to copy stay unbroken."""
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
