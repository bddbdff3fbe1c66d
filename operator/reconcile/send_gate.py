# SPDX-License-Identifier: Apache-2.0
"""Bound the emails that would be sent again if the operator stopped now.

An email counts from its DATA command until its status is written: a replica that takes over, or a restarted
operator, repeats each email without a status. At most as many count for one mail server as connections to it
are allowed, so emails wait for each other only if statuses are written slowly.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Final, Self

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.fair_slots import KeyedFairSlots, Slot
from smtp_operator.reconcile.state import ObjectState

_PATIENCE_WITH_STATUS: Final = 12.0
"""Seconds for which an email counts whose status the API server did not accept.

If the API server accepts nothing at all, the Lease is lost by then, and no other email is sent.
"""


class SendGate:
    """The gate of one process."""

    def __init__(self, may_send: Callable[[], None] | None, *, per_destination: int) -> None:
        """Create a gate; ``may_send`` raises if another replica may send, None if there is no other one."""
        self.may_send = may_send
        self.slots = KeyedFairSlots(per_destination)
        self.closing = False

    def permit(self, namespace: str, state: ObjectState) -> "GatePermit":
        """Return the permit of one email, for a ``with`` block that ends when its status is written.

        If the block ends because the API server is not available, the email counts until ``reported``.
        """
        self.reported(state)
        return GatePermit(self, namespace, state)

    def reported(self, state: ObjectState) -> None:
        """Record that the email of an object is not sent again: its status is written, or it is deleted."""
        slot, state.email_slot = state.email_slot, None
        if slot is not None:
            slot.release()

    def close(self) -> None:
        """Grant no further permits: callers of ``acquire`` wait until they are cancelled."""
        self.closing = True


class GatePermit:
    """The ``SendPermit`` of one email, which the engine acquires."""

    def __init__(self, gate: SendGate, namespace: str, state: ObjectState) -> None:
        """Create a permit; use ``SendGate.permit`` instead."""
        self._gate = gate
        self._namespace = namespace
        self._state = state
        self._slot: Slot | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._slot is None:
            return
        if isinstance(error, ApiUnavailable):
            self._state.email_slot = self._slot
            asyncio.get_running_loop().call_later(_PATIENCE_WITH_STATUS, self._slot.release)
        else:
            self._slot.release()

    async def acquire(self, destination: Hashable) -> None:
        """Wait until this email may be sent; raise if another replica may send it."""
        self.check()
        if self._slot is not None:  # of an earlier attempt of the same test
            self._slot.release()
        self._slot = await self._gate.slots.take(destination, self._namespace)
        if self._gate.closing:
            await asyncio.Event().wait()
        self.check()

    def check(self) -> None:
        """Raise if another replica may send the email."""
        if self._gate.may_send is not None:
            self._gate.may_send()


class FencedPermit:
    """A ``SendPermit`` that also waits before DATA until status records the email."""

    def __init__(self, permit: GatePermit, fence: Callable[[], Awaitable[None]]) -> None:
        self._permit = permit
        self._fence = fence

    async def acquire(self, destination: Hashable) -> None:
        """See ``SendPermit``."""
        await self._permit.acquire(destination)
        await self._fence()
        self._permit.check()

    def check(self) -> None:
        """See ``SendPermit``."""
        self._permit.check()
