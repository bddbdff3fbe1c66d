# SPDX-License-Identifier: Apache-2.0
"""Count recent events for each key, including those that have begun and not ended."""

from bisect import bisect_right
from collections.abc import Hashable
from typing import Final

from smtp_operator.reconcile.ports import Now

UNDER_WAY: Final = 5.0
"""Seconds after which to check again, if the end of running events decides."""


class RateWindow:
    """Keep each key within ``limit`` events in ``seconds``; 0 means no limit.

    An event counts from its ``begin`` until ``seconds`` after its ``end``, so that the limit always holds.
    """

    def __init__(self, limit: int, seconds: float, *, now: Now) -> None:
        self.limit = limit
        self.seconds = seconds
        self._now = now
        self._ended: dict[Hashable, list[float]] = {}
        """End times of events, in order."""
        self._under_way: dict[Hashable, int] = {}
        self._next_sweep = 0.0

    def ended(self, key: Hashable) -> int:
        """Return how many events ended within the window."""
        return len(self._recent(key))

    def free_at(self, key: Hashable, count: int = 1) -> float:
        """Return when ``count`` more events may begin, in seconds since the epoch; 0 if they may begin now.

        If running events decide, or if ``count`` is more than the limit, return when to check again.
        """
        if not self.limit or not count:
            return 0.0
        now = self._now()
        if count > self.limit:
            return now + self.seconds
        recent = self._recent(key)
        too_many = len(recent) + self._under_way.get(key, 0) + count - self.limit
        if too_many <= 0:
            return 0.0
        return recent[too_many - 1] + self.seconds if too_many <= len(recent) else now + UNDER_WAY

    def begin(self, key: Hashable, count: int = 1) -> None:
        """Count events that are about to happen."""
        if self.limit:
            self._under_way[key] = self._under_way.get(key, 0) + count

    def end(self, key: Hashable, count: int = 1, *, happened: bool) -> None:
        """End events that have begun; those that did not happen are forgotten."""
        if not self.limit:
            return
        left = self._under_way.pop(key, 0) - count
        if left > 0:
            self._under_way[key] = left
        if happened:
            self._ended.setdefault(key, []).extend([self._now()] * count)
        self._sweep()

    def _recent(self, key: Hashable) -> list[float]:
        recent = self._ended.get(key)
        if recent is None:
            return []
        now = self._now()
        if recent[-1] > now:  # a clock that was set back must not extend the wait
            recent[:] = [min(time, now) for time in recent]
        del recent[: bisect_right(recent, now - self.seconds)]
        if not recent:
            del self._ended[key]
        return recent

    def _sweep(self) -> None:
        """Forget keys that are no longer used."""
        now = self._now()
        if now < self._next_sweep <= now + self.seconds:
            return
        self._next_sweep = now + self.seconds
        for key in list(self._ended):
            self._recent(key)
