# SPDX-License-Identifier: Apache-2.0
"""Send one email at a time, from its DATA command to its status, if other replicas stand by.

A replica that takes over repeats each email without a status. After a leader was killed, or suspended for
longer than its term, these are the one email with a permit, and the emails at slow servers.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Final, Self

_PATIENCE: Final = 1.0
"""Seconds that a server has, from DATA to QUIT, before other emails proceed in parallel."""

_PATIENCE_WITH_STATUS: Final = 12.0
"""Seconds that the API server has to accept the status; if it accepts nothing, the Lease is lost by then."""

_REST: Final = 60.0
"""Seconds for which a slow mail server, and its whole namespace, bypass the gate."""

_STEP: Final = 0.125
"""Seconds; timeouts are counted in steps, so that time in which the process got no CPU does not count."""

_log: Final = logging.getLogger(__name__)


class SendGate:
    """The gate of one process. A slow server bypasses it for a while, so that it does not delay others.

    The same applies to its namespace, since one server can have many names.
    """

    def __init__(self, may_send: Callable[[], None] | None) -> None:
        """Create a gate; ``may_send`` raises if another replica may send, None if there is no other one."""
        self.may_send = may_send
        self.gate = asyncio.Lock()
        self.closing = False
        self._slow: dict[Hashable, float] = {}
        """Namespaces and servers that bypass the gate, and until when, by the clock of the event loop."""

    def permit(self, namespace: str, destination: Hashable) -> "GatePermit":
        """Return the permit of one email, for a ``with`` block that ends when its status is written."""
        return GatePermit(self, (namespace, destination))

    def is_slow(self, keys: tuple[Hashable, ...]) -> bool:
        """Return whether one of the keys bypasses the gate."""
        now = asyncio.get_running_loop().time()
        return any(self._slow.get(it, now) > now for it in keys)

    def mark_slow(self, keys: tuple[Hashable, ...]) -> None:
        """Let these keys bypass the gate for a while."""
        now = asyncio.get_running_loop().time()
        self._slow = {it: until for it, until in self._slow.items() if until > now}
        self._slow |= dict.fromkeys(keys, now + _REST)
        _log.debug("bypassing the send gate, since an email took more than %.0f s: %s", _PATIENCE, keys)

    def close(self) -> None:
        """Grant no further permits: callers of ``acquire`` wait until they are cancelled."""
        self.closing = True


class GatePermit:
    """The ``SendPermit`` of one email, which the engine acquires."""

    def __init__(self, gate: SendGate, keys: tuple[Hashable, ...]) -> None:
        """Create a permit; use ``SendGate.permit`` instead."""
        self._gate = gate
        self._keys = keys
        self._holds = False
        self._at_server = False
        """Whether the server has received DATA and has not finished with the email."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    async def acquire(self) -> None:
        """Wait until this email may be sent; raise if another replica may send it."""
        if self._gate.may_send is None:
            return
        self.check()
        if not self._gate.is_slow(self._keys):
            await self._gate.gate.acquire()
            self._holds = True
        if self._gate.closing:
            self._end()
            await asyncio.Event().wait()
        if self._gate.is_slow(self._keys):
            self._end()
        self.check()
        self._at_server = True
        self._count_down(_PATIENCE)

    def check(self) -> None:
        """Raise if another replica may send the email."""
        if self._gate.may_send is not None:
            self._gate.may_send()

    def email_sent(self) -> None:
        """Record that the server has finished with the email, or that none was sent; its status follows."""
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
            self._gate.mark_slow(self._keys)
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._holds:
            self._holds = False
            self._gate.gate.release()
