# SPDX-License-Identifier: Apache-2.0
"""Share a limited number of slots fairly between namespaces.

A free slot goes to the namespace that holds the fewest, so that one namespace with much to do delays itself
and not the others.
"""

import asyncio
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Final, Self

NAMESPACE: Final[ContextVar[str]] = ContextVar("namespace", default="")
"""The namespace whose object is being handled; empty for a cluster-wide object and for the command line."""

OF_SMTP_TEST: Final[ContextVar[bool]] = ContextVar("of_smtp_test", default=False)
"""Whether the object being handled is a SmtpTest. SmtpTests share a part of the connections to a mail server,
so that they do not delay the verdicts of SmtpConfigs."""


def _do_nothing() -> None:
    """Replace a callback that is not needed."""


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

    async def wait(self) -> Self:
        """Wait until the slot is granted, and return it; a canceled caller stops waiting."""
        if not self.granted:
            granted = asyncio.Event()
            self._on_grant = granted.set
            try:
                await granted.wait()
            except BaseException:
                self.release()
                raise
        return self

    def release(self) -> None:
        """Give the slot back, or stop waiting for it; a second call does nothing."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back(self)


class FairSlots:
    """Grant ``total`` slots, and at most ``per_namespace`` of them to one namespace; 0 means no limit.

    Each call takes constant time, however many namespaces and slots wait.
    """

    def __init__(
        self,
        total: int,
        per_namespace: int = 0,
        *,
        reserved: int = 0,
        on_idle: Callable[[], None] = _do_nothing,
    ) -> None:
        """Create slots.

        Args:
            total: how many there are.
            per_namespace: how many of them one namespace may hold.
            reserved: the last so many slots are only for namespaces that hold fewer than that.
            on_idle: called when the last slot is given back.
        """
        self.total = total
        self._per_namespace = per_namespace
        self._reserved = reserved
        self._on_idle = on_idle
        self._granted = 0
        self._held: dict[str, int] = {}
        self._waiting: dict[str, dict[Slot, None]] = {}
        """Slots to grant, for each namespace, in the order of their requests."""
        self._waiting_by_held: dict[int, dict[str, None]] = {}
        """Waiting namespaces in order, for each number of slots that they hold."""

    def ask(self, namespace: str, on_grant: Callable[[], None] = _do_nothing) -> Slot:
        """Ask for a slot: it is granted at once if one is free, else ``on_grant`` is called later."""
        slot, held = Slot(self, namespace, on_grant), self._held.get(namespace, 0)
        if self._may_have(held):
            self._hold(namespace, 1)
            slot.granted = True
        else:
            if namespace not in self._waiting:
                self._waiting[namespace] = {}
                self._waiting_by_held.setdefault(held, {})[namespace] = None
            self._waiting[namespace][slot] = None
        return slot

    async def take(self, namespace: str) -> Slot:
        """Wait for a slot and return it; a canceled caller stops waiting."""
        slot = self.ask(namespace)
        return slot if slot.granted else await slot.wait()

    def held(self, namespace: str) -> int:
        """Return how many slots a namespace holds."""
        return self._held.get(namespace, 0)

    @property
    def idle(self) -> bool:
        """Whether no slot is held or waited for."""
        return not self._granted and not self._waiting

    def give_back(self, slot: Slot) -> None:
        """Take a slot back and grant it to the next one; called by ``Slot.release`` alone."""
        if not slot.granted:
            self._stop_waiting(slot)
            return
        self._hold(slot.namespace, -1)
        if self._waiting:
            self._grant_next()
        elif not self._granted:
            self._on_idle()

    def _may_have(self, held: int) -> bool:
        if self._per_namespace and held >= self._per_namespace:
            return False
        kept_free = self._reserved if held >= self._reserved else 0
        return not self.total or self._granted < self.total - kept_free

    def _grant_next(self) -> None:
        while self._waiting:
            fewest = min(self._waiting_by_held)
            if not self._may_have(fewest):
                return
            slot = next(iter(self._waiting[next(iter(self._waiting_by_held[fewest]))]))
            self._stop_waiting(slot)
            self._hold(slot.namespace, 1)
            slot.grant()

    def _hold(self, namespace: str, change: int) -> None:
        before = self._held.get(namespace, 0)
        held = before + change
        self._granted += change
        if held:
            self._held[namespace] = held
        else:
            del self._held[namespace]
        if namespace in self._waiting:  # at the end, so that equals take turns
            self._leave(before, namespace)
            self._waiting_by_held.setdefault(held, {})[namespace] = None

    def _stop_waiting(self, slot: Slot) -> None:
        waiting = self._waiting[slot.namespace]
        del waiting[slot]
        if not waiting:
            del self._waiting[slot.namespace]
            self._leave(self.held(slot.namespace), slot.namespace)

    def _leave(self, held: int, namespace: str) -> None:
        namespaces = self._waiting_by_held[held]
        del namespaces[namespace]
        if not namespaces:
            del self._waiting_by_held[held]


class KeyedFairSlots:
    """The ``FairSlots`` of each key, such as a mail server; those of an unused key are forgotten."""

    def __init__(self, total: int, per_namespace: int = 0) -> None:
        self._total = total
        self._per_namespace = per_namespace
        self._slots: dict[Hashable, FairSlots] = {}

    def __len__(self) -> int:
        """Return how many keys are in use."""
        return len(self._slots)

    def ask(self, key: Hashable, namespace: str, on_grant: Callable[[], None] = _do_nothing) -> Slot:
        """Ask for a slot of this key, like ``FairSlots.ask``."""
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = FairSlots(
                self._total, self._per_namespace, on_idle=lambda: self._forget(key)
            )
        return slots.ask(namespace, on_grant)

    async def take(self, key: Hashable, namespace: str) -> Slot:
        """Wait for a slot of this key, like ``FairSlots.take``."""
        slot = self.ask(key, namespace)
        return slot if slot.granted else await slot.wait()

    def _forget(self, key: Hashable) -> None:
        del self._slots[key]
