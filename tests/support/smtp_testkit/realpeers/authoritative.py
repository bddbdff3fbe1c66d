# SPDX-License-Identifier: Apache-2.0
"""NSD of Debian, unpacked and not installed: an authoritative name server on a port of this machine."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from smtp_testkit.realpeers.servers.packages import libraries, unpacked
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

PACKAGES: Final = ("nsd", "libevent-2.1-7", "libprotobuf-c1", "libfstrm0", "libsystemd0")
_SECONDS: Final = 30.0
_SERVER: Final = """\
server:
    ip-address: {address}@{port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: ""
    xfrdfile: ""
    zonelistfile: "{folder}/zone.list"
    xfrdir: "{folder}"
    server-count: 1
    verbosity: 1
remote-control:
    control-enable: no
"""
_ZONE: Final = 'zone:\n    name: "{name}"\n    zonefile: "{name}.zone"\n'
_START: Final = "@ 300 IN SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 300\n@ 300 IN NS ns.{name}.\n"


@contextlib.contextmanager
def nsd(zones: Mapping[str, str], *, address: str = "127.0.0.1", port: int | None = None) -> Iterator[int]:
    """Serve zones within the context, and yield the port.

    Args:
        zones: the records of each zone, as in a zone file; SOA and NS are added.
        address: where it listens.
        port: the port; None: a free one.

    Raises:
        NeedsTools: NSD cannot be had here.
    """
    root = unpacked(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="nsd-", dir="/tmp") as name:
        folder = Path(name)
        port = port or free_ports(1)[0]
        configuration = _SERVER.format(address=address, port=port, folder=folder)
        for zone, records in zones.items():
            (folder / f"{zone}.zone").write_text(_START.format(name=zone) + records)
            configuration += _ZONE.format(name=zone)
        file = folder / "nsd.conf"
        file.write_text(configuration)
        environment = {"LD_LIBRARY_PATH": libraries(root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        check = subprocess.run(
            (root / "usr/sbin/nsd-checkconf", file),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert check.returncode == 0, check.stdout + check.stderr
        log = folder / "nsd.log"
        process = Process(
            (root / "usr/sbin/nsd", "-d", "-c", file), name="NSD", log=log, environment=environment
        )
        try:
            wait_until_ready("NSD", address, port, log)
            yield port
        finally:
            process.end(_SECONDS)


def wait_until_ready(name: str, address: str, port: int, log: Path) -> None:
    """Wait until a server accepts a TCP connection.

    Raises:
        TimeoutError: it does not; the text has its log.
    """
    end = time.monotonic() + _SECONDS
    while True:
        with socket.socket() as client:
            if client.connect_ex((address, port)) == 0:
                return
        if time.monotonic() > end:
            raise TimeoutError(f"{name} does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
