# SPDX-License-Identifier: Apache-2.0
"""A free slot goes to the namespace that holds the fewest; of several such, to the one that waits longest."""

from collections import Counter
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.fair_slots import FairSlots, KeyedFairSlots, Slot


class Slots:
    """Slots with a record of who got one."""

    def __init__(self, total: int, per_namespace: int) -> None:
        self.slots = FairSlots(total, per_namespace)
        self.asked: list[Slot] = []
        self.granted: list[str] = []

    def ask(self, namespace: str) -> Slot:
        slot = self.slots.ask(namespace, partial(self.granted.append, namespace))
        if slot.granted:
            self.granted.append(namespace)
        self.asked.append(slot)
        return slot

    @property
    def held(self) -> Counter[str]:
        return Counter(slot.namespace for slot in self.asked if slot.granted)

    @property
    def waiting(self) -> Counter[str]:
        return Counter(slot.namespace for slot in self.asked if not slot.granted)

    def release(self, slot: Slot) -> None:
        self.asked.remove(slot)
        slot.release()


ACTIONS = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80)


@given(total=st.integers(0, 5), per_namespace=st.integers(0, 3), actions=ACTIONS)
def test_no_slot_stays_free_and_a_free_one_goes_to_the_namespace_with_the_fewest(
    total: int, per_namespace: int, actions: list[tuple[bool, int]]
) -> None:
    slots = Slots(total, per_namespace)
    for asks, number in actions:
        before = len(slots.granted)
        if asks or not slots.asked:
            slots.ask(f"team-{number % 4}")
        else:
            released = slots.asked[number % len(slots.asked)]
            waiting = slots.waiting
            slots.release(released)
            for namespace in slots.granted[before:]:
                before_grant = slots.held[namespace] - 1
                rivals = {it for it in waiting if not per_namespace or slots.held[it] < per_namespace}
                assert all(before_grant <= slots.held[it] for it in rivals)
        held = slots.held
        assert not total or held.total() <= total
        assert not per_namespace or not held or max(held.values()) <= per_namespace
        assert all(slots.slots.held(it) == held[it] for it in ("team-0", "team-1", "team-2", "team-3"))
        if not total or held.total() < total:
            assert all(per_namespace and held[it] >= per_namespace for it in slots.waiting)
    for slot in list(slots.asked):
        slots.release(slot)
    assert slots.slots.idle


def test_of_namespaces_with_equally_few_the_longest_waiting_one_is_next() -> None:
    slots = Slots(1, 0)
    first = slots.ask("a")
    for namespace in ("b", "b", "c", "d", "a"):
        slots.ask(namespace)
    slots.release(first)
    while slots.waiting:
        slots.release(next(slot for slot in slots.asked if slot.granted))
    assert slots.granted == ["a", "b", "c", "d", "a", "b"]


@pytest.mark.parametrize("total", [1, 3])
def test_slots_of_an_unused_key_are_forgotten(total: int) -> None:
    slots = KeyedFairSlots(total)
    asked = [slots.ask(key, "team-a", lambda: None) for key in ("one", "two") for _ in range(5)]
    assert len(slots) == 2
    for slot in asked:
        slot.release()
        slot.release()
    assert len(slots) == 0


def test_a_slot_that_is_released_as_soon_as_it_is_granted_leaves_nothing() -> None:
    slots = KeyedFairSlots(1)
    first = slots.ask("one", "team-a", lambda: None)

    def release() -> None:
        second.release()

    second = slots.ask("one", "team-b", release)
    first.release()
    assert len(slots) == 0
