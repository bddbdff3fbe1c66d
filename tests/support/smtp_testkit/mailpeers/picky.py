# SPDX-License-Identifier: Apache-2.0
"""A server whose TLS handshake fails with an alert, as those of real servers do; asyncio sends none.

Hence blocking sockets in a separate thread.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

_BEFORE_TLS = (
    (b"", b"220 picky.test ESMTP\r\n"),
    (b"EHLO", b"250-picky.test\r\n250 STARTTLS\r\n"),
    (b"STARTTLS", b"220 2.0.0 go ahead\r\n"),
)


@contextlib.contextmanager
def picky_server(context: ssl.SSLContext, *, starttls: bool) -> Iterator[int]:
    """Yield the port. After a successful handshake, the server only sends its greeting."""
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listener, context, starttls), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listener.close()


def _serve(listener: socket.socket, context: ssl.SSLContext, starttls: bool) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # shut down
        client.settimeout(10)
        with client, contextlib.suppress(OSError):
            _talk(client, context, starttls)


def _talk(client: socket.socket, context: ssl.SSLContext, starttls: bool) -> None:
    for expected, answer in _BEFORE_TLS if starttls else ():
        if expected and not client.recv(1024).startswith(expected):
            return
        client.sendall(answer)
    with context.wrap_socket(client, server_side=True) as secure:
        secure.sendall(b"220 picky.test ESMTP\r\n")
        secure.recv(1024)
