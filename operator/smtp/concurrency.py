# SPDX-License-Identifier: Apache-2.0
"""Limit of concurrent connections to one destination."""

from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Final

from smtp_operator.fair_slots import NAMESPACE, OF_SMTP_TEST, KeyedFairSlots, Slot

_UNMEASURED: Final = nullcontext()


class ConnectionLimits:
    """Allows ``per_destination`` connections to each destination.

    A free place goes to the namespace that holds the fewest there, and within it to the test that waits
    longest. At most half of the places are for SmtpTests, at least one.
    """

    def __init__(self, per_destination: int) -> None:
        if per_destination < 1:
            raise ValueError("at least one connection must be possible")
        self._places = KeyedFairSlots(per_destination)
        self._places_of_smtp_tests = KeyedFairSlots(max(1, per_destination // 2))

    def place(
        self, destination: Hashable, *, waiting: AbstractContextManager[None] = _UNMEASURED
    ) -> AbstractAsyncContextManager[None]:
        """Hold a place for ``destination``. The wait for it runs in the context ``waiting``."""
        pools = [self._places_of_smtp_tests, self._places] if OF_SMTP_TEST.get() else [self._places]
        return _Place(pools, destination, waiting)


class _Place:
    """A place in each of the pools."""

    def __init__(
        self, pools: list[KeyedFairSlots], destination: Hashable, waiting: AbstractContextManager[None]
    ) -> None:
        self._pools = pools
        self._destination = destination
        self._waiting = waiting
        self._held: list[Slot] = []

    async def __aenter__(self) -> None:
        try:
            with self._waiting:
                for pool in self._pools:
                    self._held.append(await pool.take(self._destination, NAMESPACE.get()))
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        for place in reversed(self._held):
            place.release()
