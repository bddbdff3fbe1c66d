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
"""Maximum number of ports kept for this process; servers listen on older ones by then."""

_kept: deque[int] = deque()
"""Descriptors of sockets that are bound but do not listen, so that connections are refused."""


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 without a listener, and reserve them from other processes for now.

    A server takes such a port by `SO_REUSEADDR`, which Go and asyncio set by default.

    Raises:
        OSError: there are too few free ports.
    """
    found: list[int] = []
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if _keep(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"fewer than {count} free ports on 127.0.0.1 in {CANDIDATES}")


def _keep(port: int) -> bool:
    """Reserve the port and return whether it was free; its server may only listen a second later."""
    with socket.socket() as keeper:
        try:
            keeper.bind(("127.0.0.1", port))
        except OSError:
            return False
        # Not before bind: two sockets with this option could share the port while neither listens.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _kept.append(keeper.detach())
    if len(_kept) > _KEPT:
        os.close(_kept.popleft())
    return True
