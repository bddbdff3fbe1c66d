# SPDX-License-Identifier: Apache-2.0
"""How many events of each key happened lately, those under way included."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable
from typing import Final

from smtp_operator.reconcile.ports import Now

UNDER_WAY: Final = 5.0
"""Seconds after which to look again, where the end of what is under way decides."""


class RateWindow:
    """Keeps each key within ``limit`` events in ``seconds``; a limit of 0 means none.

    An event counts from its ``begin`` and for ``seconds`` after its ``end``, so that there are never more.
    """

    def __init__(self, limit: int, seconds: float, *, now: Now) -> None:
        self.limit = limit
        self.seconds = seconds
        self._now = now
        self._ended: dict[Hashable, list[float]] = {}
        """When events ended, in order."""
        self._under_way: Counter[Hashable] = Counter()
        self._next_sweep = 0.0

    def under_way(self, key: Hashable) -> int:
        """Return how many events have begun and not ended."""
        return self._under_way[key]

    def ended(self, key: Hashable) -> int:
        """Return how many events ended within the window."""
        return len(self._recent(key))

    def free_at(self, key: Hashable, count: int = 1) -> float:
        """Return when so many more events may begin (seconds since the epoch); 0 if they may at once.

        Where what is under way decides, or ``count`` is more than the limit, it is when to look again.
        """
        if not self.limit or not count:
            return 0.0
        now = self._now()
        if count > self.limit:
            return now + self.seconds
        recent = self._recent(key)
        too_many = len(recent) + self._under_way[key] + count - self.limit
        if too_many <= 0:
            return 0.0
        return recent[too_many - 1] + self.seconds if too_many <= len(recent) else now + UNDER_WAY

    def begin(self, key: Hashable, count: int = 1) -> None:
        """Count events that are about to happen."""
        if self.limit:
            self._under_way[key] += count

    def end(self, key: Hashable, count: int = 1, *, happened: bool) -> None:
        """End events that had begun; those that did not happen are forgotten."""
        if not self.limit:
            return
        self._under_way[key] -= count
        if self._under_way[key] <= 0:
            del self._under_way[key]
        if happened:
            self._ended.setdefault(key, []).extend([self._now()] * count)
        self._sweep()

    def _recent(self, key: Hashable) -> list[float]:
        recent = self._ended.get(key)
        if recent is None:
            return []
        now = self._now()
        if recent[-1] > now:  # a clock that was set back must not hold anyone for longer
            recent[:] = [min(time, now) for time in recent]
        del recent[: bisect_right(recent, now - self.seconds)]
        if not recent:
            del self._ended[key]
        return recent

    def _sweep(self) -> None:
        """Forget keys that are not asked for any more."""
        now = self._now()
        if now < self._next_sweep <= now + self.seconds:
            return
        self._next_sweep = now + self.seconds
        for key in list(self._ended):
            self._recent(key)
