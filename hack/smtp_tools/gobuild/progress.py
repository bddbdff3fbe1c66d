# SPDX-License-Identifier: Apache-2.0
"""Progress: one line that is rewritten on a terminal, else a new line from time to time."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Shows the newest message on `stream` (stderr): rewritten on a terminal, else every 15 seconds."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._shown = ""
        self._newest = ""
        self._next = clock()

    def show(self, message: str) -> None:
        """Show `message`, or keep it until the next line is due."""
        self._newest = message
        if self._stream.isatty():
            self._write(f"\r\x1b[K  {message}")
        elif self._clock() >= self._next:
            self._next = self._clock() + SECONDS_BETWEEN_LINES
            self._write(f"  {message}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
        self._shown = self._newest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last message."""
        if self._stream.isatty() and self._shown:
            self._write("\n")
        elif self._newest != self._shown:
            self._write(f"  {self._newest}\n")
