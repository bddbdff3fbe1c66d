# SPDX-License-Identifier: Apache-2.0
"""A mail server of other authors that runs for one scenario, and its log."""

import contextlib
import os
import shlex
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import write_certificates
from smtp_testkit.realpeers.servers.packages import libraries, unpacked
from smtp_testkit.realpeers.tools import program
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

SECONDS: Final = 60.0
SLOW: Final = 3
"""Seconds until the server greets at the port ``slow``."""


@dataclass(frozen=True)
class Site:
    """The files and ports of one running server; ``ports`` has a port for each kind that it serves."""

    directory: Path
    ca_pem: str
    ports: Mapping[str, int]

    @property
    def certificate(self) -> Path:
        """The chain of the server's certificate, which is for localhost."""
        return self.directory / "cert.pem"

    @property
    def key(self) -> Path:
        """The private key of the certificate."""
        return self.directory / "key.pem"

    def write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        """Write a file in the directory, and return its path."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file


@dataclass
class Served:
    """A running server; ``log`` is complete when it has stopped."""

    ports: Mapping[str, int]
    ca_pem: str
    log: str = ""


@dataclass(frozen=True)
class Command:
    """A process of a server that stays in the foreground."""

    words: tuple[str | Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    """Ports at which it listens, in addition to those of the server."""


class PeerServer(ABC):
    """A kind of mail server. A subclass says how to get it, how to start it, and what its log may contain."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ("start_tls", "tls")
    """The kinds of its ports: ``start_tls``, ``tls``, ``plain`` (no TLS and no login) and ``slow``."""
    mechanism: ClassVar[str] = "PLAIN"
    omitted: ClassVar[frozenset[str]] = frozenset()
    """Scenarios for which the server has no setting."""
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """For each scenario: a text for each complaint that the dialogue makes unavoidable.

    A random ClientHello that a plaintext port reads as commands causes more or fewer of them.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """Debian packages to unpack, with the libraries that they need."""

    def fetch(self) -> None:
        """Download or build the server, if it is missing.

        Raises:
            NeedsTools: it cannot be had here.
        """
        if self.packages:
            unpacked(self.packages)

    @property
    def root(self) -> Path:
        """The folder of the unpacked packages."""
        return unpacked(self.packages)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which their programs find their libraries."""
        return {"LD_LIBRARY_PATH": libraries(self.root)}

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """Hold what all scenarios share within the context."""
        yield

    @contextlib.contextmanager
    def serve(self) -> Iterator[Served]:
        """Run the server within the context."""
        directory = Path(tempfile.mkdtemp(prefix="peer-", dir="/tmp"))  # below 108 signs for sockets
        directory.chmod(0o755)
        try:
            ports = dict(zip(self.kinds, free_ports(len(self.kinds)), strict=True))
            site = Site(directory, write_certificates(directory), ports)
            served = Served(ports, site.ca_pem)
            log = directory / "output.log"
            with contextlib.ExitStack() as running:
                awaited = set(ports.values())
                for command in self.commands(site):
                    running.enter_context(self._running(command, log))
                    awaited.update(command.ports)
                self._wait_until_ready(awaited, log)
                yield served
                _wait_until_closed(ports)
            served.log = "".join(file.read_text(errors="replace") for file in self.logs(site))
        finally:
            shutil.rmtree(directory)

    @abstractmethod
    def commands(self, site: Site) -> list[Command]:
        """Write the configuration, and return the processes."""

    def logs(self, site: Site) -> list[Path]:
        """Return the log files that exist."""
        return sorted(site.directory.glob("*.log"))

    @contextlib.contextmanager
    def _running(self, command: Command, log: Path) -> Iterator[None]:
        environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(log.parent)}
        process = Process(
            command.words, name=self.name, log=log, environment={**environment, **command.environment}
        )
        try:
            yield
        finally:
            process.end(SECONDS)
            _wait_until_gone(process.pid)

    def _wait_until_ready(self, ports: set[int], log: Path) -> None:
        end = time.monotonic() + SECONDS
        listening = {port for port, state, _ in _sockets() if state == _LISTEN}
        while not ports <= listening:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)
            listening = {port for port, state, _ in _sockets() if state == _LISTEN}


_LISTEN: Final = "0A"
_TIME_WAIT: Final = "06"


def _sockets() -> list[tuple[int, str, str]]:
    """Return the local port, the state and the inode of the TCP sockets of this machine."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            found.append((int(fields[1].rpartition(":")[2], 16), fields[3], fields[9]))
    return found


def _wait_until_closed(ports: Mapping[str, int]) -> None:
    """Wait until the server has closed every connection."""
    end = time.monotonic() + SECONDS
    while any(
        port in ports.values() and state not in (_LISTEN, _TIME_WAIT) and inode != "0"
        for port, state, inode in _sockets()
    ):
        if time.monotonic() > end:
            raise TimeoutError("the server does not close a connection")
        time.sleep(0.02)


def _wait_until_gone(group: int) -> None:
    """Wait until all processes of a group have ended."""
    end = time.monotonic() + SECONDS
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            if time.monotonic() > end:
                raise TimeoutError("a process of the server does not end")
            time.sleep(0.02)


def isolated(
    site: Site, users: Mapping[str, int], *, empty: Sequence[str] = (), made: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the prefix of a command that sees more users, ``empty`` folders, and folders ``made`` in them.

    Only the command sees them, so that the machine stays as it is.
    """
    lines = []
    for name, extra in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
        text = Path("/etc", name).read_text() + "".join(extra.format(*user) for user in users.items())
        lines.append(f"mount --bind {shlex.quote(str(site.write(f'etc/{name}', text)))} /etc/{name}")
    lines += [f"mount -t tmpfs -o mode=0755 tmpfs {folder}" for folder in empty]
    lines += [f"mkdir -p {folder}" for folder in made]
    lines.append('exec "$@"')
    return (program("unshare"), "--mount", "sh", "-c", " && ".join(lines), "sh")
