# SPDX-License-Identifier: Apache-2.0
"""Free ports on loopback."""

import os
import random
import socket
from collections import deque
from typing import Final

# Below the range from which Linux takes the ports of outgoing connections (32768 and up): there a port
# found free may be gone before its server has started, and again while the server is stopped for a test.
CANDIDATES = range(20_000, 32_768)

_KEPT: Final = 64
"""So many ports are kept for this process; a server that was to listen on an older one does by now."""

_kept: deque[int] = deque()
"""Descriptors of sockets that are bound to them and listen to nobody, so that connections are refused."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens, and which no other process is given for now.

    A server takes such a port by `SO_REUSEADDR`, which Go and asyncio set by default.

    Raises:
        OSError: there are not that many.
    """
    found: list[int] = []
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if _keep(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"fewer than {count} free ports on 127.0.0.1 in {CANDIDATES}")


def _keep(port: int) -> bool:
    """Whether it was free; a second or more pass until its server listens, and others look for one too."""
    with socket.socket() as keeper:
        try:
            keeper.bind(("127.0.0.1", port))
        except OSError:
            return False
        # Only now: two that had it before could both have the port, as long as nobody listens.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _kept.append(keeper.detach())
    if len(_kept) > _KEPT:
        os.close(_kept.popleft())
    return True
