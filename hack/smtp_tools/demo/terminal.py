# SPDX-License-Identifier: Apache-2.0
"""Output: results on stdout, progress on stderr; colors and redrawing only on a terminal."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

WIDTH = 100
_WIDTHS = (17, 20, 5, 8, 5, 41, 4)  # of NAME SERVER PORT TYPE READY STATUS AGE, as the samples need
_BOLD, _DIM, _RED, _GREEN, _CYAN = "1", "2", "31", "32", "36"


class Terminal:
    """Writes to stdout and stderr, in the way that fits a terminal or a file."""

    def __init__(
        self, out: TextIO = sys.stdout, err: TextIO = sys.stderr, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._out, self._err = out, err
        self.redraws = out.isatty() and environment.get("TERM") != "dumb"
        self._colors = self.redraws and not environment.get("NO_COLOR")
        self._colors_on_err = err.isatty() and self._colors
        self._table: list[str] = []

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print what is being done, then how long it took."""
        live = self._err.isatty()
        if live:
            self._print_error(f"  … {what}", end="")
        started = time.monotonic()
        try:
            yield
        except BaseException:
            if live:
                self._print_error("")
            raise
        took = f"{time.monotonic() - started:.1f} s"
        tick = self._paint("✓", _GREEN, self._colors_on_err)
        back = "\r" if live else ""
        self._print_error(f"{back}  {tick} {what} {self._paint(took, _DIM, self._colors_on_err)}")

    def note(self, text: str) -> None:
        """Print a note to stderr."""
        self._print_error(text)

    def title(self, text: str) -> None:
        """Print the title of a part."""
        self.say(f"\n{self._paint(text, _BOLD)}\n")

    def command(self, text: str) -> None:
        """Print a command that now runs, as users would type it."""
        self.say(f"{self._paint('$', _DIM)} {self._paint(text, _CYAN)}")

    def say(self, text: str = "") -> None:
        """Print one or more lines."""
        print(text, file=self._out, flush=True)

    def dim(self, text: str) -> None:
        """Print something less important."""
        self.say(self._paint(text, _DIM))

    def begin_table(self) -> None:
        """Start a new table, which `table` then shows."""
        self._table = []

    def table(self, text: str) -> None:
        """Show a table that changes: redraw it on a terminal, elsewhere print only new lines."""
        lines = _aligned(text)
        if self.redraws:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in lines]  # a wrapped line would make the count wrong
            up = f"\x1b[{len(self._table)}A\x1b[J" if self._table else ""
            self.say(up + "\n".join(map(self._row, lines)))
            self._table = lines
            return
        for line in lines:
            if _without_age(line) not in self._table:
                self.say(line)
                self._table.append(_without_age(line))

    def verdict(self, name: str, *, good: bool, reason: str, message: str) -> None:
        """Print the verdict of one sample."""
        mark, color = ("✓", _GREEN) if good else ("✗", _RED)
        self.say(f"{self._paint(mark, color)} {self._paint(name, _BOLD)}  {self._paint(reason, color)}")
        self.say(textwrap.fill(message, WIDTH, initial_indent="  ", subsequent_indent="  "))

    def changed_line(self, old: str, new: str) -> None:
        """Print a line of a file, before and after a change."""
        self.say(self._paint(f"  -{old}", _RED))
        self.say(self._paint(f"  +{new}", _GREEN))

    def outcome(self, text: str, *, good: bool) -> None:
        """Print the result of the demo."""
        self.say(f"\n{self._paint(text, _GREEN if good else _RED)}")

    def _row(self, line: str) -> str:
        cells = line.split()
        if "True" in cells:
            return self._paint(line, _GREEN)
        return self._paint(line, _RED) if "False" in cells else line

    def _paint(self, text: str, code: str, colors: bool | None = None) -> str:
        wanted = self._colors if colors is None else colors
        return f"\x1b[{code}m{text}\x1b[0m" if wanted else text

    def _print_error(self, text: str, end: str = "\n") -> None:
        print(text, file=self._err, end=end, flush=True)


def _aligned(text: str) -> list[str]:
    """Return kubectl's table with fixed column widths."""
    rows = text.splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", rows[0])] if rows else []
    ends = [*starts[1:], None]
    cells = [[row[start:end].strip() for start, end in zip(starts, ends, strict=True)] for row in rows]
    return ["  ".join(map(str.ljust, row, _WIDTHS)).rstrip() for row in cells]


def _without_age(line: str) -> str:
    return line.rpartition(" ")[0].rstrip()
