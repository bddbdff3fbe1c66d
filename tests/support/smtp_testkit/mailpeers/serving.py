# SPDX-License-Identifier: Apache-2.0
"""A server of the standard library in a thread of its own, which ends at once."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from socketserver import TCPServer


@contextlib.contextmanager
def serving(server: TCPServer, name: str) -> Iterator[None]:
    """It answers for as long as the block lasts, in a thread of that name."""
    thread = threading.Thread(target=server.serve_forever, name=name)
    thread.start()
    try:
        yield
    finally:
        # Wakes the thread, which by itself looks twice a second whether it shall end.
        with contextlib.suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        thread.join()
