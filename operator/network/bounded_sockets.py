# SPDX-License-Identifier: Apache-2.0
"""Sockets that limit what a thread receives: every byte counts, and so does every second.

Blocking libraries read from them. Libraries bound the parts of an answer that they know, not all of them.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SLICE: Final = 0.5
"""Seconds between two checks of whether a thread should keep waiting for data."""
_READ_COST: Final = 32
"""Minimum bytes that one read counts for: 65,536 reads of one byte take a second of processor time."""


class AnswerTooLarge(Exception):
    """The server sent more than the size limit of an answer."""


class _Bounds(threading.local):
    """Remaining time and size of the current thread's request."""

    deadline = 0.0
    read = 0.0
    size = 0
    stop: threading.Event | None = None

    def begin(self, *, total: float, read: float, size: int, stop: threading.Event) -> None:
        """Start a request: seconds in total and between two packets, and bytes."""
        self.deadline = time.monotonic() + total
        self.read = read
        self.size = size
        self.stop = stop

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, or until the request is stopped."""
        if seconds > 0 and self.stop is not None:
            self.stop.wait(seconds)

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def count(self, received: int) -> int:
        """Return ``received``; raise AnswerTooLarge if it exceeds the remaining size."""
        self.size -= max(received, _READ_COST)
        if self.size < 0:
            raise AnswerTooLarge
        return received


bounds: Final = _Bounds()
"""Bounds of the request that this thread sends."""


def _until(waiting: socket.socket, seconds: float, attempt: Callable[[], T]) -> T:
    """Repeat an operation until it succeeds, the time is over, or the request is stopped."""
    before = waiting.gettimeout()
    until = min(bounds.deadline, time.monotonic() + seconds)
    try:
        while (left := until - time.monotonic()) > 0 and not (bounds.stop and bounds.stop.is_set()):
            waiting.settimeout(min(left, _SLICE))
            try:
                return attempt()
            except TimeoutError:
                continue
    finally:
        waiting.settimeout(before)
    raise TimeoutError


def _receive(waiting: socket.socket, receive: Callable[[], int]) -> int:
    """Read until the thread's deadline, so that a server gains nothing by sending a byte now and then."""
    return _until(waiting, bounds.read, lambda: bounds.count(receive()))


class TlsSocket(ssl.SSLSocket):
    """The TLS socket that answers are read from."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read within the bounds of the request."""
        return _receive(self, lambda: ssl.SSLSocket.recv_into(self, buffer, nbytes, flags))

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the socket's timeout."""
        _until(self, self.gettimeout() or 0.0, lambda: ssl.SSLSocket.do_handshake(self, block))


class PlainSocket(socket.socket):
    """The plaintext socket that answers are read from."""

    @classmethod
    def of(cls, found: socket.socket) -> "PlainSocket":
        """Take over a connected socket."""
        timeout = found.gettimeout()
        bounded = cls(found.family, found.type, found.proto, found.detach())
        bounded.settimeout(timeout)
        return bounded

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read within the bounds of the request."""
        return _receive(self, lambda: socket.socket.recv_into(self, buffer, nbytes, flags))
