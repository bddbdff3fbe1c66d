# SPDX-License-Identifier: Apache-2.0
"""Queue keys with deadlines; handle each key serially, and a few keys of one concurrency key at a time."""

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
"""Maximum sleep in seconds, because the wall clock may jump during a long sleep."""

_PAUSE_AFTER_INTERNAL_ERROR: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0
# A bug that shows after the email was sent would send another one at each retry, so the pause doubles.

_STALE_ENTRIES: Final = 1000


@dataclass(slots=True)
class _RunningItem:
    task: asyncio.Task[None]
    concurrency_key: Hashable
    slot_released: bool = False
    """Whether the item has already released its slot."""


class WorkQueue(Generic[K]):
    """Call ``handle(key)`` when a key is due.

    A key that is added again keeps its earliest deadline; a key that is added while it is handled is handled
    once more afterwards. ``per_concurrency_key`` keys of one concurrency key (here: one mail server) are
    handled at a time. Waiting keys hold no resources, so a server that never responds delays only its own
    keys.
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
        """Number of slots taken, for each concurrency key."""
        self._beyond: Counter[Hashable] = Counter()
        """Number of running keys that have released their slot, for each concurrency key."""
        self._blocked: defaultdict[Hashable, deque[K]] = defaultdict(deque)
        self._blocked_on: dict[K, tuple[Hashable, float]] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """Return how many keys wait for their deadline or for a slot."""
        return len(self._due.keys() | self._blocked_on.keys())

    def add(self, key: K, *, at: float) -> None:
        """Schedule the key for that time (seconds since the epoch), unless it is scheduled for earlier."""
        current = self._due.get(key)
        if current is not None and current <= at:
            return
        self._due[key] = at
        self._push(key, at)
        self._wake.set()

    def discard(self, key: K) -> None:
        """Forget the key, and cancel its task."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._unblock(key)
        item = self._running.get(key)
        if item is not None:
            item.task.cancel()

    def release_slot(self, key: K) -> None:
        """Release the slot of a key that is being handled, because the rest of its handling needs none.

        At most ``per_concurrency_key`` running keys have released their slot, so that a slow rest still
        delays the next keys.
        """
        item = self._running.get(key)
        if item is None or item.slot_released or self._beyond[item.concurrency_key] >= self._per_key:
            return
        item.slot_released = True
        self._beyond[item.concurrency_key] += 1
        self._free_slot(item.concurrency_key)

    def oldest_overdue(self) -> float:
        """Return for how many seconds the oldest due key has been waiting; 0 if no key waits."""
        now = self._now()
        waiting = min((since for _, since in self._blocked_on.values()), default=now)
        return max(0.0, now - min(self._due.values(), default=now), now - waiting)

    def due(self) -> int:
        """Return how many keys are due and waiting."""
        now = self._now()
        return len({key for key, at in self._due.items() if at <= now} | self._blocked_on.keys())

    def running(self) -> int:
        """Return how many keys are being handled."""
        return len(self._running)

    async def finish(self, patience: float) -> None:
        """Start nothing more; return when all running tasks have ended, or after so many seconds."""
        self._closing = True
        if self._running:
            await asyncio.wait([it.task for it in self._running.values()], timeout=patience)

    async def run(self) -> None:
        """Work until cancelled; then cancel all running tasks, and wait for them."""
        alarm = Alarm(self._wake.set)
        try:
            while True:
                self._wake.clear()
                self._start_due()
                self._set(alarm)
                await self._wake.wait()
        finally:
            alarm.close()
            self._blocked.clear()  # otherwise each cancelled task would start one of these
            self._blocked_on.clear()
            tasks = [it.task for it in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _set(self, alarm: Alarm) -> None:
        """Set the alarm for the earliest deadline, or earlier to check the clock.

        The deadline of a running key counts only when its task ends, which wakes the queue too.
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
                continue  # replaced by an earlier deadline, or rescheduled when its task ends
            del self._due[key]
            concurrency_key = self._concurrency_key_of(key)
            blocked_on, since = self._blocked_on.get(key, (None, at))
            if key in self._blocked_on and blocked_on == concurrency_key:
                continue
            self._unblock(key)  # the object's server may have changed while it waited
            if self._slots_taken[concurrency_key] < self._per_key:
                self._start(key, concurrency_key)
            else:
                self._blocked[concurrency_key].append(key)
                self._blocked_on[key] = (concurrency_key, since)

    def _push(self, key: K, at: float) -> None:
        if len(self._heap) > 2 * len(self._due) + _STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._added += 1
        heapq.heappush(self._heap, (at, self._added, key))

    def _unblock(self, key: K) -> None:
        if key in self._blocked_on:
            concurrency_key, _ = self._blocked_on.pop(key)
            self._blocked[concurrency_key].remove(key)
            if not self._blocked[concurrency_key]:
                del self._blocked[concurrency_key]

    def _start(self, key: K, concurrency_key: Hashable) -> None:
        self._slots_taken[concurrency_key] += 1
        task = asyncio.create_task(self._work(key), name=f"reconcile {key}")
        self._running[key] = _RunningItem(task, concurrency_key)
        task.add_done_callback(lambda _: self._done(key))

    async def _work(self, key: K) -> None:
        try:
            await self._handle(key)
        except Exception as error:  # a bug in handling one object must not stop the others
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(_PAUSE_AFTER_INTERNAL_ERROR * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
            _log.error("reconciling %s failed: %s; next try in %.0f s", key, origin(error), pause)
            self.add(key, at=self._now() + pause)
        else:
            self._failures.pop(key, None)

    def _done(self, key: K) -> None:
        item = self._running.pop(key)
        if key in self._due:
            self._push(key, self._due[key])
        if not item.slot_released:
            self._free_slot(item.concurrency_key)
        else:
            self._beyond[item.concurrency_key] -= 1
            if not self._beyond[item.concurrency_key]:
                del self._beyond[item.concurrency_key]
        self._wake.set()

    def _free_slot(self, concurrency_key: Hashable) -> None:
        self._slots_taken[concurrency_key] -= 1
        if concurrency_key in self._blocked and not self._closing:
            waiting = self._blocked[concurrency_key][0]
            self._unblock(waiting)
            self._start(waiting, concurrency_key)
        elif not self._slots_taken[concurrency_key]:
            del self._slots_taken[concurrency_key]
