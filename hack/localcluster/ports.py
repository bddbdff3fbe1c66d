# SPDX-License-Identifier: Apache-2.0
"""Free ports on loopback."""

import random
import socket

# Below the range from which Linux takes the ports of outgoing connections (32768 and up): there a port
# found free may be gone before its server has started, and again while the server is stopped for a test.
CANDIDATES = range(20_000, 32_768)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens at this moment.

    Raises:
        OSError: there are not that many.
    """
    found: list[int] = []
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if len(found) == count:
            return found
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"fewer than {count} free ports on 127.0.0.1 in {CANDIDATES}")
