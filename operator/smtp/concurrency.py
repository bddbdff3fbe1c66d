# SPDX-License-Identifier: Apache-2.0
"""Limit of concurrent connections to one destination."""

import contextlib
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from smtp_operator.fair_slots import NAMESPACE, OF_SMTP_TEST, KeyedFairSlots

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

    @contextlib.asynccontextmanager
    async def place(
        self, destination: Hashable, *, waiting: AbstractContextManager[None] = _UNMEASURED
    ) -> AsyncIterator[None]:
        """Hold a place for ``destination``. The wait for it runs in the context ``waiting``."""
        pools = [self._places_of_smtp_tests, self._places] if OF_SMTP_TEST.get() else [self._places]
        with contextlib.ExitStack() as places:
            with waiting:
                for pool in pools:
                    place = await pool.take(destination, NAMESPACE.get())
                    places.callback(place.release)
            yield
