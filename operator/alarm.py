# SPDX-License-Identifier: Apache-2.0
"""A limit for each of many waits, most of which end before it."""

import asyncio
import math
from collections.abc import Callable


def _unheard() -> None:
    """In place of what a closed alarm rang."""


class Alarm:
    """Rings once the time is up, unless it is put off or turned off before.

    A timer of the loop costs more than many a wait, so one serves for as many waits as it can:
    it is left to run, and looks for what is due when it wakes up.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        """``ring`` is called from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._due = math.inf
        self._wakes = math.inf
        self._timer: asyncio.Handle | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds from now, and at no other time."""
        self._due = self._loop.time() + seconds
        if self._due < self._wakes:
            self._arm()

    def off(self) -> None:
        """Do not ring."""
        self._due = math.inf

    def close(self) -> None:
        """Leave no timer behind; nothing rings any more, and who owns the alarm is not kept by it."""
        self.off()
        self._wakes = -math.inf  # which nothing that is set comes before
        self._ring = _unheard
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes = self._due
        self._timer = self._loop.call_at(self._due, self._wake)

    def _wake(self) -> None:
        reached, self._wakes, self._timer = self._wakes, math.inf, None
        if self._due <= reached:
            self.off()
            self._ring()
        elif self._due < math.inf:
            self._arm()
