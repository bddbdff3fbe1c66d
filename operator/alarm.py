# SPDX-License-Identifier: Apache-2.0
"""Provide a cheap timeout for many waits, most of which end before it."""

import asyncio
import math
from collections.abc import Callable


def _do_nothing() -> None:
    """Replace the callback of a closed alarm."""


class Alarm:
    """Call a function once the time is up, unless the alarm is postponed or turned off before.

    A timer of the event loop costs more than many a wait, so one timer serves as many waits as it can: it
    keeps running, and checks for the due time when it fires.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        """Create an alarm; the running loop calls ``ring``."""
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._due = math.inf
        self._wakes = math.inf
        self._timer: asyncio.Handle | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds from now; this replaces an earlier time."""
        self._due = self._loop.time() + seconds
        if self._due < self._wakes:
            self._arm()

    def off(self) -> None:
        """Do not ring."""
        self._due = math.inf

    def close(self) -> None:
        """Cancel the timer for good; the alarm keeps no reference to its owner."""
        self.off()
        self._wakes = -math.inf  # so that no later ``set`` arms a timer
        self._ring = _do_nothing
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
