# SPDX-License-Identifier: Apache-2.0
"""Time limits and measured times of one test."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from smtp_operator.api.verdict import Phase, PhaseTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLimits:
    """Limits of the steps that are not a wait for the server's reply, in seconds.

    RFC 5321 section 4.5.3.2 grants a server minutes for each reply. Only ``test.timeout`` limits that wait.
    """

    resolve: float = 15.0
    """The resolver of libc asks the second name server after 5 s."""
    connect: float = 10.0
    """For the last address; Linux repeats a lost SYN after 1, 3 and 7 s."""
    connect_before_others: float = 4.0
    """For each address that others follow."""
    quit: float = 2.0
    close: float = 1.0
    """For the server to close its side of TLS after a failure."""
    probe: float = 5.0
    """For the probes after a failure."""
    look_after: float = 10.0
    """Silence before the greeting after which the second look starts."""
    look_listens: float = 5.0
    """Wait of the second look for a greeting, before it speaks."""
    look_after_on_tls_port: float = 1.0
    """If the port usually uses implicit TLS, and smtpType is another one."""
    look_listens_on_tls_port: float = 2.0


class Budget:
    """Counts down ``total`` seconds; the time within ``paused`` does not count."""

    def __init__(self, total: float) -> None:
        self.now = asyncio.get_running_loop().time
        self.start = self.now()
        """The start of the test; each pause moves it."""
        self.total = total

    @property
    def spent(self) -> float:
        """The seconds spent so far, without pauses."""
        return self.now() - self.start

    @property
    def left(self) -> float:
        """The seconds left, at least 0."""
        return max(0.0, self.total - (self.now() - self.start))

    def limit(self, seconds: float) -> float:
        """Return the smaller of ``seconds`` and the seconds left."""
        return min(seconds, self.left)

    def paused(self) -> AbstractContextManager[None]:
        """Stop the countdown inside the context."""
        return _Pause(self)


class _Pause:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._begin = 0.0

    def __enter__(self) -> None:
        self._begin = self._budget.now()

    def __exit__(self, *_: object) -> None:
        self._budget.start += self._budget.now() - self._begin


class PhaseClock:
    """Tracks the current phase of a test, reports each new one, and measures the time of each."""

    def __init__(self, budget: Budget, on_phase: Callable[[Phase], None]) -> None:
        self.phase: Phase | None = None
        self.replies = 0
        """The number of replies so far."""
        self._budget = budget
        self._on_phase = on_phase
        self._measured: Phase | None = None
        self._since = 0.0
        self._seconds: dict[Phase, float] = {}
        self._duration: float | None = None
        self._waiting_since = 0.0

    def enter(self, phase: Phase) -> None:
        """Start ``phase``, which may have been entered before, and report it."""
        self._since = self._waiting_since = self.stop()
        self.phase = self._measured = phase
        self._seconds.setdefault(phase, 0.0)
        self._on_phase(phase)

    def replied(self) -> None:
        """Count a reply."""
        self.replies += 1
        self._waiting_since = self._budget.now() - self._budget.start

    @property
    def waited(self) -> float:
        """The seconds since the last reply or the start of the phase."""
        return self._budget.spent - self._waiting_since

    def stop(self) -> float:
        """Stop measuring the current phase; the following time belongs to no phase. Return the time spent."""
        spent = self._budget.now() - self._budget.start
        if self._measured is not None:
            self._seconds[self._measured] += spent - self._since
            self._measured = None
        return spent

    def end(self) -> float:
        """End the test at the first call. Return its duration in seconds, without later steps like QUIT."""
        if self._duration is None:
            self._duration = self.stop()
        return self._duration

    @property
    def seconds(self) -> Mapping[Phase, float]:
        """The time of each phase, in the order of their first entry."""
        return self._seconds

    @property
    def timings(self) -> tuple[PhaseTiming, ...]:
        """The same for the report."""
        return tuple(map(PhaseTiming, self._seconds, self._seconds.values()))
