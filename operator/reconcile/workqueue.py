# SPDX-License-Identifier: Apache-2.0
"""A queue of keys with deadlines: each key worked on serially, a lane of keys by a few at a time."""

import asyncio
import heapq
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from smtp_operator.alarm import Alarm
from smtp_operator.reconcile.internal_errors import origin
from smtp_operator.reconcile.ports import Now

K = TypeVar("K", bound=Hashable)

_log = logging.getLogger(__name__)

LONGEST_SLEEP: Final = 30.0
"""Seconds; the wall clock may jump while a deadline far ahead is slept for."""

_PAUSE_AFTER_INTERNAL_ERROR: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0
# A defect that shows after the mail has left would send one more at each try, so the pause doubles.

_STALE_ENTRIES: Final = 1000


@dataclass(slots=True)
class _RunningItem:
    task: asyncio.Task[None]
    concurrency_key: Hashable
    slot_released: bool = False
    """Whether it needs no place in the lane any more."""


class WorkQueue(Generic[K]):
    """Calls ``handle(key)`` when a key is due.

    A key added again keeps its earliest deadline, and one that is being handled is handled once more
    afterwards. Keys of one lane (here: of one mail server) are handled by ``per_lane`` at a time; those that
    wait hold nothing, so that a server which never answers delays its own lane alone.
    """

    def __init__(
        self,
        handle: Callable[[K], Awaitable[None]],
        *,
        concurrency_key_of: Callable[[K], Hashable],
        per_concurrency_key: int,
        now: Now,
    ) -> None:
        self._handle = handle
        self._concurrency_key_of = concurrency_key_of
        self._per_key = per_concurrency_key
        self._now = now
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._added = 0
        self._running: dict[K, _RunningItem] = {}
        self._slots_taken: Counter[Hashable] = Counter()
        """How many places of each lane are taken."""
        self._beyond: Counter[Hashable] = Counter()
        """How many keys are being handled that have left each lane."""
        self._blocked: defaultdict[Hashable, deque[K]] = defaultdict(deque)
        self._blocked_on: dict[K, tuple[Hashable, float]] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """How many keys wait for their deadline or for a place in their lane."""
        return len(self._due.keys() | self._blocked_on.keys())

    def add(self, key: K, *, at: float) -> None:
        """Has the key handled at that time (seconds since the epoch), or earlier if it already was to be."""
        current = self._due.get(key)
        if current is not None and current <= at:
            return
        self._due[key] = at
        self._push(key, at)
        self._wake.set()

    def discard(self, key: K) -> None:
        """Forgets the key; what is under way for it is cancelled."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._unblock(key)
        handling = self._running.get(key)
        if handling is not None:
            handling.task.cancel()

    def release_slot(self, key: K) -> None:
        """Makes room for the next of the lane of a key that is being handled; the rest of it needs no place.

        No more leave it than have places in it, so that where that rest takes its time the lane waits.
        """
        handling = self._running.get(key)
        if (
            handling is None
            or handling.slot_released
            or self._beyond[handling.concurrency_key] >= self._per_key
        ):
            return
        handling.slot_released = True
        self._beyond[handling.concurrency_key] += 1
        self._free_slot(handling.concurrency_key)

    def oldest_overdue(self) -> float:
        """For how many seconds the oldest due key has been waiting; 0: none is."""
        now = self._now()
        waiting = min((since for _, since in self._blocked_on.values()), default=now)
        return max(0.0, now - min(self._due.values(), default=now), now - waiting)

    def due(self) -> int:
        """How many keys are due and wait."""
        now = self._now()
        return len({key for key, at in self._due.items() if at <= now} | self._blocked_on.keys())

    def running(self) -> int:
        """How many keys are being handled."""
        return len(self._running)

    async def finish(self, patience: float) -> None:
        """Begins nothing more; returns when what is under way is done, or after so many seconds."""
        self._closing = True
        if self._running:
            await asyncio.wait([it.task for it in self._running.values()], timeout=patience)

    async def run(self) -> None:
        """Works until cancelled; then what is under way is cancelled too, and waited for."""
        alarm = Alarm(self._wake.set)
        try:
            while True:
                self._wake.clear()
                self._start_due()
                self._set(alarm)
                await self._wake.wait()
        finally:
            alarm.close()
            self._blocked.clear()  # else each one cancelled would make room for one of these
            self._blocked_on.clear()
            tasks = [it.task for it in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _set(self, alarm: Alarm) -> None:
        """For the earliest deadline, or to look at the clock before that.

        A deadline of a key under way counts when that key is done, which wakes the queue too.
        """
        if self._heap and not self._closing:
            alarm.set(min(self._heap[0][0] - self._now(), LONGEST_SLEEP))
        else:
            alarm.off()

    def _start_due(self) -> None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now and not self._closing:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) != at or key in self._running:
                continue  # replaced by an earlier deadline, or looked at again when its task is done
            del self._due[key]
            lane = self._concurrency_key_of(key)
            parked_in, since = self._blocked_on.get(key, (None, at))
            if key in self._blocked_on and parked_in == lane:
                continue
            self._unblock(key)  # the object may have moved to another server while it waited
            if self._slots_taken[lane] < self._per_key:
                self._start(key, lane)
            else:
                self._blocked[lane].append(key)
                self._blocked_on[key] = (lane, since)

    def _push(self, key: K, at: float) -> None:
        if len(self._heap) > 2 * len(self._due) + _STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._added += 1
        heapq.heappush(self._heap, (at, self._added, key))

    def _unblock(self, key: K) -> None:
        if key in self._blocked_on:
            lane, _ = self._blocked_on.pop(key)
            self._blocked[lane].remove(key)
            if not self._blocked[lane]:
                del self._blocked[lane]

    def _start(self, key: K, lane: Hashable) -> None:
        self._slots_taken[lane] += 1
        task = asyncio.create_task(self._work(key), name=f"reconcile {key}")
        self._running[key] = _RunningItem(task, lane)
        task.add_done_callback(lambda _: self._done(key))

    async def _work(self, key: K) -> None:
        try:
            await self._handle(key)
        except Exception as error:  # a defect in one object's handling must not end the others'
            defects = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(_PAUSE_AFTER_INTERNAL_ERROR * 2 ** min(defects - 1, 10), _LONGEST_PAUSE)
            _log.error("reconciling %s failed: %s; next try in %.0f s", key, origin(error), pause)
            self.add(key, at=self._now() + pause)
        else:
            self._failures.pop(key, None)

    def _done(self, key: K) -> None:
        handling = self._running.pop(key)
        if key in self._due:
            self._push(key, self._due[key])
        if not handling.slot_released:
            self._free_slot(handling.concurrency_key)
        else:
            self._beyond[handling.concurrency_key] -= 1
            if not self._beyond[handling.concurrency_key]:
                del self._beyond[handling.concurrency_key]
        self._wake.set()

    def _free_slot(self, lane: Hashable) -> None:
        self._slots_taken[lane] -= 1
        if lane in self._blocked and not self._closing:
            waiting = self._blocked[lane][0]
            self._unblock(waiting)
            self._start(waiting, lane)
        elif not self._slots_taken[lane]:
            del self._slots_taken[lane]
