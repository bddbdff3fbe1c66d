# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the servers."""

import asyncio
import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from smtp_testkit.realpeers.configuration import SMTPD, write_dovecot, write_postfix
from smtp_testkit.realpeers.services import Greylist, Introspection
from smtp_testkit.realpeers.tools import DAEMONS, NeedsTools, missing_tools, program
from smtp_tools.localcluster.ports import free_ports

USER: Final = "mailer@test.example"
OPS: Final = "ops@test.example"
PASSWORD: Final = "correct horse battery"
TOKEN: Final = "eyJhbGciOiJub25lIn0.good-token.of-the-mailer"
_STARTING: Final = 60.0


@dataclass(frozen=True)
class RealPeers:
    """Running servers. ``ports`` has one for each name in ``configuration.SMTPD``."""

    directory: Path
    ports: dict[str, int]
    ca_pem: str
    introspection: Introspection

    @property
    def ca_file(self) -> Path:
        """The file with the CA of their certificate, which is for localhost."""
        return self.directory / "ca.pem"

    @property
    def log(self) -> str:
        """Return Postfix's log so far."""
        return (self.directory / "postfix.log").read_text(errors="replace")

    async def logged(self, pattern: str, *, after: int) -> str:
        """Wait for a line with ``pattern`` in Postfix's log, after the first ``after`` characters; return it.

        Raises:
            TimeoutError: Postfix does not write it.
        """
        return await asyncio.to_thread(wait_for_line, self.directory / "postfix.log", pattern, after=after)

    async def at_rest(self) -> None:
        """Wait until Postfix has logged the end of every connection so far.

        Raises:
            TimeoutError: a connection does not end.
        """
        await asyncio.to_thread(self.wait_until_at_rest)

    def wait_until_at_rest(self) -> None:
        """See ``at_rest``."""
        end = time.monotonic() + _STARTING
        while len(re.findall(r"\]: connect from ", log := self.log)) > log.count("]: disconnect from "):
            if time.monotonic() > end:
                raise TimeoutError("a connection does not end")
            time.sleep(0.02)

    @classmethod
    @contextlib.contextmanager
    def start(cls) -> Iterator["RealPeers"]:
        """Start the servers within seconds. Raises NeedsTools if they cannot run."""
        missing = missing_tools()
        if missing:
            raise NeedsTools(missing)
        directory = Path(tempfile.mkdtemp(prefix="realpeers-", dir="/tmp"))  # below 108 signs for sockets
        directory.chmod(0o755)
        try:
            with Greylist() as greylist, Introspection({TOKEN: USER}) as introspection:
                ports = dict(zip(SMTPD, free_ports(len(SMTPD)), strict=True))
                peers = cls(directory, ports, write_certificates(directory), introspection)
                conf = write_dovecot(directory, users={USER: PASSWORD}, introspection=introspection.port)
                write_postfix(directory, daemons=DAEMONS, ports=ports, greylist=greylist.port, user=USER)
                for name in ("queue", "data", "run", "state"):
                    (directory / name).mkdir()
                shutil.chown(directory / "data", "postfix")
                with run_postfix(directory), run_dovecot(conf):
                    yield peers
        finally:
            shutil.rmtree(directory)


@contextlib.contextmanager
def run_postfix(directory: Path) -> Iterator[None]:
    """Run Postfix with the configuration in a directory."""
    command = (program("postfix"), "-c", str(directory / "postfix"))
    _run(*command, "check", directory=directory)
    _run(*command, "start", directory=directory)
    try:
        yield
    finally:
        _run(*command, "stop", directory=directory)


@contextlib.contextmanager
def run_dovecot(conf: Path) -> Iterator[None]:
    """Run Dovecot with a configuration."""
    command = (program("dovecot"), "-c", str(conf))
    _run(*command, directory=conf.parent.parent)
    try:
        yield
    finally:
        _run(*command, "stop", directory=conf.parent.parent)


def wait_for_line(log: Path, pattern: str, *, after: int) -> str:
    """Wait for a line with ``pattern`` in a log, after the first ``after`` characters; return it.

    It reads the log repeatedly, because a file has no event for growth.

    Raises:
        TimeoutError: the line does not appear.
    """
    line, end = re.compile(rf".*(?:{pattern}).*"), time.monotonic() + _STARTING
    while (found := line.search(log.read_text(errors="replace"), after)) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"no line {line.pattern}")
        time.sleep(0.02)
    return found[0]


def _run(*command: str, directory: Path) -> None:
    """Run a command to its end. Its output goes to a file, because daemons keep the caller's pipes open."""
    said = directory / "said.log"
    with said.open("ab") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=_STARTING,
            check=False,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{said.read_text(errors='replace')}")


def write_certificates(directory: Path) -> str:
    """Write ca.pem, cert.pem and key.pem of a server on localhost; return the CA in PEM."""
    ca = trustme.CA()
    own = ca.issue_cert("localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))
    own.private_key_pem.write_to_path(str(directory / "key.pem"))
    for number, pem in enumerate(own.cert_chain_pems):
        pem.write_to_path(str(directory / "cert.pem"), append=number > 0)
    (directory / "key.pem").chmod(0o600)
    return ca.cert_pem.bytes().decode()
