# SPDX-License-Identifier: Apache-2.0
"""Share a limited number of slots fairly between namespaces.

A free slot goes to the namespace that holds the fewest, so that one namespace with much to do delays itself
and not the others.
"""

from collections import Counter, deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

NAMESPACE: Final[ContextVar[str]] = ContextVar("namespace", default="")
"""The namespace whose object is being handled; empty for a cluster-wide object and for the command line."""


class Slot:
    """A requested slot. Release it, granted or not, once it is no longer needed."""

    __slots__ = ("_on_grant", "_slots", "granted", "namespace")

    def __init__(self, slots: "FairSlots", namespace: str, on_grant: Callable[[], None]) -> None:
        """Create a slot; use ``FairSlots.ask`` instead."""
        self._slots: FairSlots | None = slots
        self._on_grant = on_grant
        self.namespace = namespace
        self.granted = False

    def grant(self) -> None:
        """Grant the slot and call ``on_grant``; for ``FairSlots`` alone."""
        self.granted = True
        self._on_grant()

    def release(self) -> None:
        """Give the slot back, or stop waiting for it; a second call does nothing."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back(self)


class FairSlots:
    """Grant ``total`` slots, and at most ``per_namespace`` of them to one namespace; 0 means no limit."""

    def __init__(self, total: int, per_namespace: int) -> None:
        self._total = total
        self._per_namespace = per_namespace
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[Slot]] = {}

    def ask(self, namespace: str, on_grant: Callable[[], None]) -> Slot:
        """Ask for a slot: it is granted at once if one is free, else ``on_grant`` is called later."""
        slot = Slot(self, namespace, on_grant)
        if self._free and self._may_have(namespace):
            self._held[namespace] += 1
            slot.granted = True
        else:
            self._waiting.setdefault(namespace, deque()).append(slot)
        return slot

    def held(self, namespace: str) -> int:
        """Return how many slots a namespace holds."""
        return self._held[namespace]

    def give_back(self, slot: Slot) -> None:
        """Take a slot back and grant it to the next one; called by ``Slot.release`` alone."""
        namespace = slot.namespace
        if not slot.granted:
            self._waiting[namespace].remove(slot)
            if not self._waiting[namespace]:
                del self._waiting[namespace]
            return
        self._held[namespace] -= 1
        if not self._held[namespace]:
            del self._held[namespace]
        self._grant_next()

    @property
    def _free(self) -> bool:
        return not self._total or self._held.total() < self._total

    def _may_have(self, namespace: str) -> bool:
        return not self._per_namespace or self._held[namespace] < self._per_namespace

    def _grant_next(self) -> None:
        while self._free:
            candidates = filter(self._may_have, self._waiting)
            namespace = min(candidates, key=self._held.__getitem__, default=None)
            if namespace is None:
                return
            waiting = self._waiting.pop(namespace)
            slot = waiting.popleft()
            if waiting:
                self._waiting[namespace] = waiting  # at the end, so that equals take turns
            self._held[namespace] += 1
            slot.grant()
