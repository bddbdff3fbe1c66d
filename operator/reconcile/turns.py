# SPDX-License-Identifier: Apache-2.0
"""Where replicas stand by: one mail at a time, from its DATA to the status that tells of it.

Whoever takes over sends anew what no status tells of. Of a leader that was killed, or stopped for longer than
its term, that is the one mail whose turn it was, and those at servers that did not take theirs in time.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Final, Self

_PATIENCE: Final = 1.0
"""Seconds that a server has, from DATA to QUIT, before others go on beside it."""

_PATIENCE_WITH_STATUS: Final = 12.0
"""Seconds that the API server has to take the status: where it takes nothing, the lease is lost by then."""

_STEP: Final = 0.25
"""Seconds. A process that got no time of the processor has not waited for anybody: so it counts in steps."""


class Turns:
    """The turns of one process. A destination that was slow has none until it is quick again: it would be in
    the way of others, and each of its mails would have to wait for the one before.
    """

    def __init__(self, may_send: Callable[[], None] | None) -> None:
        """``may_send`` raises where another replica may send; None: there is no other, and nobody waits."""
        self.may_send = may_send
        self.gate = asyncio.Lock()
        self.slow: set[Hashable] = set()
        self.closing = False

    def of(self, destination: Hashable) -> "Turn":
        """The turn of one mail to that destination, for a ``with`` that ends when its status is written."""
        return Turn(self, destination)

    def close(self) -> None:
        """It is nobody's turn any more: whoever waits, waits until he is cancelled."""
        self.closing = True


class Turn:
    """The turn of one mail, which begins when the engine asks for it: its ``Leave``."""

    def __init__(self, turns: Turns, destination: Hashable) -> None:
        """Use ``Turns.of``."""
        self._turns = turns
        self._destination = destination
        self._holds = False
        self._begun: float | None = None
        """When the server was about to get DATA; None: it was not, or is done with the mail."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    async def turn(self) -> None:
        """Waits until it is this mail's turn; raises where another replica may send it."""
        if self._turns.may_send is None:
            return
        self.check()
        if self._destination not in self._turns.slow:
            await self._turns.gate.acquire()
            self._holds = True
        if self._turns.closing:
            self._end()
            await asyncio.Event().wait()
        if self._destination in self._turns.slow:
            self._end()
        self.check()
        self._begun = asyncio.get_running_loop().time()
        self._count_down(_PATIENCE)

    def check(self) -> None:
        """Raises where another replica may send it."""
        if self._turns.may_send is not None:
            self._turns.may_send()

    def left(self) -> None:
        """The server is done with it, or there was none to send; its status comes next."""
        if self._begun is None:
            return
        if asyncio.get_running_loop().time() - self._begun < _PATIENCE:
            self._turns.slow.discard(self._destination)
        self._begun = None
        self._count_down(_PATIENCE_WITH_STATUS)

    def _count_down(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(_STEP, self._count_down, seconds - _STEP)
            return
        if self._begun is not None:
            self._turns.slow.add(self._destination)
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._holds:
            self._holds = False
            self._turns.gate.release()
