# SPDX-License-Identifier: Apache-2.0
"""Time of one test: its total budget, the limit of each step, and how long each phase took."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smtp_operator.api.verdict import Phase, PhaseTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLimits:
    """Longest time of each step, in seconds. RFC 5321 section 4.5.3.2 grants a server minutes; a
    user who waits for a verdict does not, so these are the limits of a test, not of a mail server.
    """

    resolve: float = 5.0
    connect: float = 3.0
    """For each address."""
    tls: float = 10.0
    banner: float = 15.0
    banner_on_tls_port: float = 3.0
    """Where the port is meant for TLS from the first byte and smtpType is another."""
    command: float = 15.0
    data: float = 30.0
    """From the final dot to the reply."""
    quit: float = 2.0
    probe: float = 5.0
    """For finding out what else would work, after a failure."""


class Budget:
    """Counts down ``total`` seconds; the time within ``paused`` does not count."""

    def __init__(self, total: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._start = self._now()
        self.total = total

    @property
    def spent(self) -> float:
        """Seconds that count so far."""
        return self._now() - self._start

    @property
    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.total - self.spent)

    def limit(self, seconds: float) -> float:
        """``seconds``, or what is left of the budget where that is less."""
        return min(seconds, self.left)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the budget for the time of the context."""
        before = self._now()
        try:
            yield
        finally:
            self._start += self._now() - before


class PhaseClock:
    """Knows the phase a test is in, tells of each new one, and adds up the time each took."""

    def __init__(self, budget: Budget, on_phase: Callable[[Phase], None]) -> None:
        self.phase: Phase | None = None
        self.replies = 0
        """How many replies the server gave so far."""
        self._budget = budget
        self._on_phase = on_phase
        self._since = 0.0
        self._seconds: dict[Phase, float] = {}
        self._duration: float | None = None
        self._running = False

    def enter(self, phase: Phase) -> None:
        """From now on the test is in ``phase``; a phase may be entered again."""
        self.stop()
        self.phase = phase
        self._since = self._budget.spent
        self._running = True
        self._seconds.setdefault(phase, 0.0)
        self._on_phase(phase)

    def stop(self) -> None:
        """The present phase takes no more time; what comes now is no phase."""
        if self.phase is not None and self._running:
            self._seconds[self.phase] += self._budget.spent - self._since
            self._running = False

    def ended(self) -> float:
        """The test is over; its duration in seconds. What comes after, such as QUIT, does not count."""
        if self._duration is None:
            self.stop()
            self._duration = self._budget.spent
        return self._duration

    @property
    def timings(self) -> tuple[PhaseTiming, ...]:
        """Each phase once, in the order in which they were first entered."""
        return tuple(PhaseTiming(phase, seconds) for phase, seconds in self._seconds.items())
