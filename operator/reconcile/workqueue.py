# SPDX-License-Identifier: Apache-2.0
"""Queue keys with deadlines; handle each key serially, and a few keys of one concurrency key at a time."""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from smtp_operator.alarm import Alarm
from smtp_operator.fair_slots import KeyedFairSlots, Slot
from smtp_operator.reconcile.ports import Now

K = TypeVar("K", bound=Hashable)

LONGEST_SLEEP: Final = 30.0
"""Maximum sleep in seconds, because the wall clock may jump during a long sleep."""

_CLOCK_STEP: Final = 60.0
"""Seconds by which the clock must be set back to move the deadlines, which came from the wrong clock."""

_STALE_ENTRIES: Final = 1000

_NAMESPACES: Final = 4
"""Number of namespaces that can have all their slots of one concurrency key.

More than one, so that a namespace whose passwords are read slowly does not keep others from the mail server;
connections to it have a separate limit.
"""


@dataclass(slots=True)
class _RunningItem:
    task: asyncio.Task[None]
    slot: Slot
    concurrency_key: Hashable
    slot_released: bool = False
    """Whether the item has already released its slot."""


@dataclass(slots=True)
class _BlockedItem:
    slot: Slot
    concurrency_key: Hashable
    since: float


class WorkQueue(Generic[K]):
    """Call ``handle(key)``, which never fails, when a key is due.

    A key that is added again keeps its earliest deadline; a key that is added while it is handled is handled
    once more afterwards. For each namespace, ``per_concurrency_key`` keys of one concurrency key (here: one
    mail server) are handled at a time, and for all namespaces a few times as many. A free slot goes to the
    namespace with the fewest. Waiting keys hold no resources, so a server that never responds delays only its
    own keys.
    """

    def __init__(
        self,
        handle: Callable[[K], Coroutine[Any, Any, None]],
        *,
        concurrency_key_of: Callable[[K], Hashable],
        namespace_of: Callable[[K], str],
        per_concurrency_key: int,
        now: Now,
    ) -> None:
        self._handle = handle
        self._concurrency_key_of = concurrency_key_of
        self._namespace_of = namespace_of
        self._per_key = per_concurrency_key
        self._now = now
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._added = 0
        self._running: dict[K, _RunningItem] = {}
        self._slots = KeyedFairSlots(_NAMESPACES * per_concurrency_key, per_concurrency_key)
        self._beyond: Counter[tuple[Hashable, str]] = Counter()
        """Number of running keys that have released their slot, for each concurrency key and namespace."""
        self._blocked: dict[K, _BlockedItem] = {}
        self._wake = asyncio.Event()
        self._closing = False
        self._clock = now()

    def add(self, key: K, *, at: float) -> None:
        """Schedule the key for that time (seconds since the epoch), unless it is scheduled for earlier."""
        current = self._due.get(key)
        if current is not None and current <= at:
            return
        self._due[key] = at
        if key not in self._running:
            self._push(key, at)

    def discard(self, key: K) -> None:
        """Forget the key, and cancel its task."""
        self._due.pop(key, None)
        self._unblock(key)
        item = self._running.get(key)
        if item is not None:
            item.task.cancel()

    def release_slot(self, key: K) -> None:
        """Release the slot of a key that is being handled, because the rest of its handling needs none.

        At most ``per_concurrency_key`` running keys of one concurrency key and namespace have released their
        slot, so that a slow rest still delays the next keys.
        """
        item = self._running.get(key)
        if item is None or item.slot_released:
            return
        pool = (item.concurrency_key, item.slot.namespace)
        if self._beyond[pool] < self._per_key:
            item.slot_released = True
            self._beyond[pool] += 1
            item.slot.release()

    def oldest_overdue(self) -> float:
        """Return for how many seconds the oldest due key has been waiting; 0 if no key waits."""
        now = self._now()
        waiting = min((it.since for it in self._blocked.values()), default=now)
        return max(0.0, now - min(self._due.values(), default=now), now - waiting)

    def due(self) -> int:
        """Return how many keys are due and waiting."""
        now = self._now()
        return len({key for key, at in self._due.items() if at <= now} | self._blocked.keys())

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
                self._follow_clock()
                self._start_due()
                self._set(alarm)
                await self._wake.wait()
        finally:
            alarm.close()
            self._closing = True  # otherwise each cancelled task would start a blocked one
            tasks = [it.task for it in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _follow_clock(self) -> None:
        """Move deadlines after the clock was set back; at worst, a key is handled earlier than needed."""
        before, self._clock = self._clock, self._now()
        back = before - self._clock
        if back > _CLOCK_STEP:
            self._due = {key: at - back for key, at in self._due.items()}
            self._heap = []
            for key, at in self._due.items():
                self._push(key, at)

    def _set(self, alarm: Alarm) -> None:
        """Set the alarm for the earliest deadline, or earlier to check the clock.

        The deadline of a running key counts only when its task ends.
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
                continue  # replaced by an earlier deadline, or pushed again when its task ends
            del self._due[key]
            concurrency_key = self._concurrency_key_of(key)
            blocked = self._blocked.get(key)
            if blocked is None or blocked.concurrency_key != concurrency_key:
                self._unblock(key)  # the object's server may have changed while it waited
                self._ask_for_slot(key, concurrency_key, since=at if blocked is None else blocked.since)

    def _push(self, key: K, at: float) -> None:
        """Schedule a key that is not running, and wake the queue if it is the first one."""
        if len(self._heap) > 2 * len(self._due) + _STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)
        self._added += 1
        entry = (at, self._added, key)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._wake.set()

    def _unblock(self, key: K) -> None:
        item = self._blocked.pop(key, None)
        if item is not None:
            item.slot.release()

    def _ask_for_slot(self, key: K, concurrency_key: Hashable, *, since: float) -> None:
        namespace = self._namespace_of(key)
        slot = self._slots.ask(concurrency_key, namespace, lambda: self._start_blocked(key))
        if slot.granted:
            self._start(key, slot, concurrency_key)
        else:
            self._blocked[key] = _BlockedItem(slot, concurrency_key, since)

    def _start_blocked(self, key: K) -> None:
        if not self._closing:
            item = self._blocked.pop(key)
            self._start(key, item.slot, item.concurrency_key)

    def _start(self, key: K, slot: Slot, concurrency_key: Hashable) -> None:
        task = asyncio.create_task(self._handle(key))
        self._running[key] = _RunningItem(task, slot, concurrency_key)
        task.add_done_callback(partial(self._done, key))

    def _done(self, key: K, _: asyncio.Task[None]) -> None:
        item = self._running.pop(key)
        if key in self._due:
            self._push(key, self._due[key])
        if item.slot_released:
            pool = (item.concurrency_key, item.slot.namespace)
            self._beyond[pool] -= 1
            if not self._beyond[pool]:
                del self._beyond[pool]
        item.slot.release()
