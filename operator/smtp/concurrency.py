# SPDX-License-Identifier: Apache-2.0
"""Limit of concurrent connections to one destination."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

_UNMEASURED: Final = nullcontext()


class ConnectionLimits:
    """Allows ``per_destination`` connections to each destination, first come, first served."""

    def __init__(self, per_destination: int) -> None:
        if per_destination < 1:
            raise ValueError("at least one connection must be possible")
        self._places = per_destination
        self._gates: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    @contextlib.asynccontextmanager
    async def place(
        self, destination: Hashable, *, waiting: AbstractContextManager[None] = _UNMEASURED
    ) -> AsyncIterator[None]:
        """Hold a place for ``destination``. The wait for it runs in the context ``waiting``."""
        gate, users = self._gates.get(destination, (None, 0))
        if gate is None:
            gate = asyncio.Semaphore(self._places)
        self._gates[destination] = (gate, users + 1)
        try:
            with waiting:
                await gate.acquire()
            try:
                yield
            finally:
                gate.release()
        finally:
            gate, users = self._gates[destination]
            if users == 1:
                del self._gates[destination]
            else:
                self._gates[destination] = (gate, users - 1)
