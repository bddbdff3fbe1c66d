# SPDX-License-Identifier: Apache-2.0
"""TLS alerts for servers whose certificate the client refuses.

asyncio and uvloop close the connection without sending OpenSSL's alert, so the server logs a broken
connection instead of the cause.
"""

import contextlib
import contextvars
import socket
import ssl
from collections.abc import Iterator
from typing import Final

_SOCKET: Final[contextvars.ContextVar[socket.socket | None]] = contextvars.ContextVar("socket", default=None)


@contextlib.contextmanager
def alerts_sent_to(sock: socket.socket) -> Iterator[None]:
    """Send the alert of a handshake that starts inside the context, and fails, to ``sock``."""
    token = _SOCKET.set(sock)
    try:
        yield
    finally:
        _SOCKET.reset(token)


class _AlertingObject(ssl.SSLObject):
    """A TLS session that sends the alert of a failed handshake itself."""

    unsent: ssl.MemoryBIO | None = None
    peer: socket.socket | None = None

    def do_handshake(self) -> None:
        """Continue the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self._send_alert()
            raise

    def _send_alert(self) -> None:
        sock, self.peer = self.peer, None
        if sock is not None and self.unsent is not None:
            with contextlib.suppress(OSError):  # the server may have closed the connection
                sock.send(self.unsent.read())


class AlertingContext(ssl.SSLContext):
    """A context whose failed handshakes end with an alert, see ``alerts_sent_to``."""

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
            wrapped.unsent, wrapped.peer = outgoing, _SOCKET.get()
        return wrapped
