# SPDX-License-Identifier: Apache-2.0
"""Where replicas stand by: one mail at a time, from its DATA to the status that tells of it.

Whoever takes over sends anew what no status tells of. Of a leader that was killed, or stopped for longer than
its term, that is the one mail whose turn it was, and those at servers that did not take theirs in time.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Final, Self

_PATIENCE: Final = 1.0
"""Seconds that a server has, from DATA to QUIT, before others go on beside it."""

_PATIENCE_WITH_STATUS: Final = 12.0
"""Seconds that the API server has to take the status: where it takes nothing, the lease is lost by then."""

_REST: Final = 60.0
"""Seconds for which whatever was slow is not waited for: its mail server, and all else in its namespace."""

_STEP: Final = 0.125
"""Seconds. A process that got no time of the processor has not waited for anybody: so it counts in steps."""

_log: Final = logging.getLogger(__name__)


class SendGate:
    """The turns of one process. What was slow has none for a while: it would be in the way of others, and its
    own mails would wait for each other. By namespace too, since one server can have many names.
    """

    def __init__(self, may_send: Callable[[], None] | None) -> None:
        """``may_send`` raises where another replica may send; None: there is no other, and nobody waits."""
        self.may_send = may_send
        self.gate = asyncio.Lock()
        self.closing = False
        self._slow: dict[Hashable, float] = {}
        """Until when what is not waited for, by the clock of the event loop."""

    def permit(self, namespace: str, destination: Hashable) -> "GatePermit":
        """The turn of one mail, for a ``with`` that ends when its status is written."""
        return GatePermit(self, (namespace, destination))

    def is_slow(self, whose: tuple[Hashable, ...]) -> bool:
        """Whether nobody waits for it."""
        now = asyncio.get_running_loop().time()
        return any(self._slow.get(it, now) > now for it in whose)

    def mark_slow(self, whose: tuple[Hashable, ...]) -> None:
        """From now on, for a while, nobody waits for it."""
        now = asyncio.get_running_loop().time()
        self._slow = {it: until for it, until in self._slow.items() if until > now}
        self._slow |= dict.fromkeys(whose, now + _REST)
        _log.debug("not waited for, since a mail took more than %.0f s: %s", _PATIENCE, whose)

    def close(self) -> None:
        """It is nobody's turn any more: whoever waits, waits until he is cancelled."""
        self.closing = True


class GatePermit:
    """The turn of one mail, which begins when the engine asks for it: its ``Leave``."""

    def __init__(self, turns: SendGate, whose: tuple[Hashable, ...]) -> None:
        """Use ``Turns.of``."""
        self._turns = turns
        self._whose = whose
        self._holds = False
        self._at_server = False
        """Whether the server has got DATA and is not done with the mail."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    async def acquire(self) -> None:
        """Waits until it is this mail's turn; raises where another replica may send it."""
        if self._turns.may_send is None:
            return
        self.check()
        if not self._turns.is_slow(self._whose):
            await self._turns.gate.acquire()
            self._holds = True
        if self._turns.closing:
            self._end()
            await asyncio.Event().wait()
        if self._turns.is_slow(self._whose):
            self._end()
        self.check()
        self._at_server = True
        self._count_down(_PATIENCE)

    def check(self) -> None:
        """Raises where another replica may send it."""
        if self._turns.may_send is not None:
            self._turns.may_send()

    def email_sent(self) -> None:
        """The server is done with it, or there was none to send; its status comes next."""
        if self._at_server:
            self._at_server = False
            self._count_down(_PATIENCE_WITH_STATUS)

    def _count_down(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if seconds > 0:
            self._timer = asyncio.get_running_loop().call_later(_STEP, self._count_down, seconds - _STEP)
            return
        if self._at_server:
            self._turns.mark_slow(self._whose)
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._holds:
            self._holds = False
            self._turns.gate.release()
