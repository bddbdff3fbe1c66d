# SPDX-License-Identifier: Apache-2.0
"""A real HTTP proxy (proxy.py) in a separate process."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smtp_tools.localcluster.processes import Process

SECONDS = 60.0


class ProxyServer:
    """A proxy on a free port of 127.0.0.1 that allows everything."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["ProxyServer"]:
        """Start a proxy for the block; ``folder`` is for its log."""
        port_file, log = folder / "port", folder / "proxy.log"
        command = [
            sys.executable,
            "-m",
            "proxy",
            "--hostname=127.0.0.1",
            "--port=0",
            f"--port-file={port_file}",
        ]
        command += ["--num-workers=1", "--num-acceptors=1"]
        process = Process(
            command, name="the proxy", log=log, environment={"PATH": os.defpath, "HOME": str(folder)}
        )
        try:
            deadline = time.monotonic() + SECONDS
            while not (port_file.exists() and port_file.read_text().strip()):
                if process.exited() is not None or time.monotonic() > deadline:
                    raise RuntimeError(process.described())
                time.sleep(0.05)
            yield cls(int(port_file.read_text()), log)
        finally:
            process.end(5)

    def tunnels(self, place: str) -> int:
        """Return the number of finished connections to this host:port."""
        return self._log.read_text().count(f" - CONNECT {place} - ")

    def wait_for_tunnel(self, place: str) -> None:
        """Wait until a connection to this host:port has finished; only then the log has its line."""
        deadline = time.monotonic() + SECONDS
        while not self.tunnels(place):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no tunnel to {place}: {self._log.read_text()}")
            time.sleep(0.02)
