# SPDX-License-Identifier: Apache-2.0
"""Limits the connections of a small HTTP server: their number, time and bytes.

A connection carries one request. If there are too many, the guard closes the oldest connection of the client
address with the most connections. So the kubelet's probes get answers while other clients use up the limit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

_PIECE_COST: Final = 32
"""Minimum bytes that a piece of a request counts as: each piece costs an iteration of the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingLimits:
    """Limits of one port, in seconds and bytes."""

    connections: int = 64
    """Concurrent connections of all clients together."""
    request: float = 5.0
    """From the connection to the end of the request's headers."""
    answer: float = 30.0
    """From there until the client has read the response."""
    size: int = 16 * 1024
    """Of a request with headers and body."""


class ConnectionGuard:
    """A protocol factory for ``loop.create_server`` that wraps another protocol factory."""

    def __init__(self, make: Callable[[], asyncio.Protocol], limits: ServingLimits) -> None:
        self.limits = limits
        self._make = make
        self._open: dict[asyncio.BaseTransport, _GuardedProtocol] = {}
        """Oldest first."""

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _GuardedProtocol(self, self._make())

    def request_read(self, transport: asyncio.BaseTransport | None) -> None:
        """Allow the connection the time for its response: the request is complete."""
        guarded = self._open.get(transport) if transport is not None else None
        if guarded is not None:
            guarded.allow(self.limits.answer)

    def admit(self, transport: asyncio.BaseTransport, guarded: "_GuardedProtocol") -> None:
        """Count a new connection, and close one if there are too many."""
        self._open[transport] = guarded
        if len(self._open) > self.limits.connections:
            counts = Counter(it.client for it in self._open.values())
            most = max(counts.values())
            oldest = next(key for key, it in self._open.items() if counts[it.client] == most)
            self._open.pop(oldest).abort()

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """Stop counting a connection that has ended."""
        self._open.pop(transport, None)


class _GuardedProtocol(asyncio.Protocol):
    """Passes everything to the guarded protocol, within the limits."""

    def __init__(self, guard: ConnectionGuard, inner: asyncio.Protocol) -> None:
        self.client = ""
        self._guard = guard
        self._inner = inner
        self._left = guard.limits.size
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if peer else ""
        self._inner.connection_made(transport)
        self.allow(self._guard.limits.request)
        self._guard.admit(transport, self)

    def data_received(self, data: bytes) -> None:
        self._left -= max(len(data), _PIECE_COST)
        if self._left < 0:
            self.abort()
            return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._guard.forget(self._transport)
        self._inner.connection_lost(exc)

    def allow(self, seconds: float) -> None:
        """Close the connection after this time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)

    def abort(self) -> None:
        """Close the connection immediately."""
        if self._transport is not None:
            self._transport.abort()
