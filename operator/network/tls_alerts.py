# SPDX-License-Identifier: Apache-2.0
"""TLS alerts for servers whose certificate the client refuses.

asyncio and uvloop close the connection without sending OpenSSL's alert, so the server logs a broken
connection instead of the cause.
"""

import asyncio
import contextlib
import contextvars
import socket
import ssl
from types import TracebackType
from typing import Final, Self

_READ_AT_ONCE: Final = 4096


class AlertSender:
    """Sends the alert of a handshake that fails inside this context; ``wait_closed`` follows the failure."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._open: socket.socket | None = None
        self._tokens: list[contextvars.Token[AlertSender | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(_SENDER.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _SENDER.reset(self._tokens.pop())

    def send(self, alert: bytes) -> None:
        """Send the alert and end this side; keep the connection open, since asyncio closes its socket."""
        with contextlib.suppress(OSError):  # the server may have closed the connection
            self._sock.send(alert)
            self._open = self._sock.dup()
            self._open.shutdown(socket.SHUT_WR)

    async def wait_closed(self, limit: float) -> None:
        """Wait up to ``limit`` seconds until the server has closed the connection after an alert.

        Else what the server still sends would meet a closed socket, and its log would have a reset.
        """
        if self._open is None:
            return
        loop = asyncio.get_running_loop()
        with self._open as sock, contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(limit):
                while await loop.sock_recv(sock, _READ_AT_ONCE):
                    pass


_SENDER: Final[contextvars.ContextVar[AlertSender | None]] = contextvars.ContextVar("sender", default=None)


class _AlertingObject(ssl.SSLObject):
    """A TLS session that sends the alert of a failed handshake itself."""

    unsent: ssl.MemoryBIO | None = None
    sender: AlertSender | None = None

    def do_handshake(self) -> None:
        """Continue the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            sender, self.sender = self.sender, None
            if sender is not None and self.unsent is not None and self.unsent.pending:
                sender.send(self.unsent.read())
            raise


class AlertingContext(ssl.SSLContext):
    """A context whose failed handshakes end with an alert, see ``AlertSender``."""

    sslobject_class = _AlertingObject

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """See ``ssl.SSLContext.wrap_bio``."""
        wrapped = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(wrapped, _AlertingObject):
            wrapped.unsent, wrapped.sender = outgoing, _SENDER.get()
        return wrapped
