# SPDX-License-Identifier: Apache-2.0
"""Limit of concurrent connections to one destination."""

import contextlib
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from smtp_operator.fair_slots import NAMESPACE, KeyedFairSlots

_UNMEASURED: Final = nullcontext()


class ConnectionLimits:
    """Allows ``per_destination`` connections to each destination.

    A free place goes to the namespace that holds the fewest there, and within it to the test that waits
    longest.
    """

    def __init__(self, per_destination: int) -> None:
        if per_destination < 1:
            raise ValueError("at least one connection must be possible")
        self._places = KeyedFairSlots(per_destination)

    @contextlib.asynccontextmanager
    async def place(
        self, destination: Hashable, *, waiting: AbstractContextManager[None] = _UNMEASURED
    ) -> AsyncIterator[None]:
        """Hold a place for ``destination``. The wait for it runs in the context ``waiting``."""
        with waiting:
            place = await self._places.take(destination, NAMESPACE.get())
        try:
            yield
        finally:
            place.release()
