# SPDX-License-Identifier: Apache-2.0
"""Time limits and measured times of one test."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smtp_operator.api.verdict import Phase, PhaseTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLimits:
    """Limit of each step, in seconds.

    RFC 5321 section 4.5.3.2 grants a server minutes. These limits are shorter, because a user waits for the
    verdict.
    """

    resolve: float = 5.0
    connect: float = 3.0
    """For each address."""
    tls: float = 10.0
    banner: float = 15.0
    banner_on_tls_port: float = 3.0
    """If the port usually uses implicit TLS, and smtpType is another one."""
    command: float = 15.0
    data: float = 30.0
    """From the final dot to the reply."""
    quit: float = 2.0
    probe: float = 5.0
    """For the probes after a failure."""


class Budget:
    """Counts down ``total`` seconds; the time within ``paused`` does not count."""

    def __init__(self, total: float) -> None:
        self._now = asyncio.get_running_loop().time
        self._start = self._now()
        self.total = total

    @property
    def spent(self) -> float:
        """The seconds spent so far, without pauses."""
        return self._now() - self._start

    @property
    def left(self) -> float:
        """The seconds left, at least 0."""
        return max(0.0, self.total - self.spent)

    def limit(self, seconds: float) -> float:
        """Return the smaller of ``seconds`` and the seconds left."""
        return min(seconds, self.left)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the countdown inside the context."""
        before = self._now()
        try:
            yield
        finally:
            self._start += self._now() - before


class PhaseClock:
    """Tracks the current phase of a test, reports each new one, and measures the time of each."""

    def __init__(self, budget: Budget, on_phase: Callable[[Phase], None]) -> None:
        self.phase: Phase | None = None
        self.replies = 0
        """The number of replies so far."""
        self._budget = budget
        self._on_phase = on_phase
        self._since = 0.0
        self._seconds: dict[Phase, float] = {}
        self._duration: float | None = None
        self._running = False

    def enter(self, phase: Phase) -> None:
        """Start ``phase``, which may have been entered before, and report it."""
        self.stop()
        self.phase = phase
        self._since = self._budget.spent
        self._running = True
        self._seconds.setdefault(phase, 0.0)
        self._on_phase(phase)

    def stop(self) -> None:
        """Stop measuring the current phase; the following time belongs to no phase."""
        if self.phase is not None and self._running:
            self._seconds[self.phase] += self._budget.spent - self._since
            self._running = False

    def end(self) -> float:
        """End the test at the first call. Return its duration in seconds, without later steps like QUIT."""
        if self._duration is None:
            self.stop()
            self._duration = self._budget.spent
        return self._duration

    @property
    def timings(self) -> tuple[PhaseTiming, ...]:
        """The time of each phase, in the order of their first entry."""
        return tuple(PhaseTiming(phase, seconds) for phase, seconds in self._seconds.items())
