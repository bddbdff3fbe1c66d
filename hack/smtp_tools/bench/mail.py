# SPDX-License-Identifier: Apache-2.0
"""Mail servers, in a separate process, so that their work does not count.

`python -m smtp_tools.bench.mail DELAY …` starts a server for each delay of its replies, in seconds. It prints
one event per line: first the ports, then each connection and each email with its time.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from smtp_testkit.mailpeers import MailServer, ReceivedMail
from smtp_testkit.mailpeers.session import Session
from smtp_tools.bench.errors import BenchError
from smtp_tools.localcluster.processes import Process
from smtp_tools.paths import PYTHONPATH

USERNAME = "mailer"
PASSWORD = "s3cret"
START_SECONDS = 15.0

_say = partial(print, flush=True)


class _TellingServer(MailServer):
    def opened(self, session: Session) -> None:
        _say("connection", time.monotonic())
        super().opened(session)

    def received(self, mail: ReceivedMail) -> None:
        super().received(mail)
        about, message_id = (_header(mail, name) for name in ("X-Smtp-Operator", "Message-ID"))
        _say("mail", time.monotonic(), self.plain_port, about, message_id)


def _header(mail: ReceivedMail, name: str) -> str:
    found = re.search(rf"(?mi)^{name}: (\S+)".encode(), mail.content)
    return found[1].decode() if found else "-"


@dataclass(frozen=True)
class Delivery:
    """An accepted email.

    Attributes:
        at: its time, by time.monotonic.
        server: the plaintext port of the mail server.
        about: namespace and name of the SmtpConfig.
        message_id: its Message-ID.
    """

    at: float
    server: int
    about: str
    message_id: str


@dataclass(frozen=True)
class Seen:
    """Times of the connections, by time.monotonic, and the emails since some moment."""

    connections: list[float]
    mails: list[Delivery]


class MailProcess:
    """Mail servers that accept every email of `USERNAME`; a context manager.

    Attributes:
        ports: ports of all servers, by smtpType.
        ca_pem: the CA certificates of all servers.
    """

    def __init__(self, directory: Path, delays: Sequence[float] = (0.0,)) -> None:
        """Start a server for each of these delays of replies, and wait until they listen.

        Raises:
            BenchError: they did not start.
        """
        environment = {"PATH": os.defpath, "PYTHONPATH": PYTHONPATH}
        command = [sys.executable, "-m", "smtp_tools.bench.mail", *map(str, delays)]
        log = directory / f"mail-{time.monotonic_ns()}.log"
        self._process = Process(command, name="the mail server", log=log, environment=environment)
        greeting = json.loads(self._first_line())
        self.ports: dict[str, list[int]] = greeting["ports"]
        self.ca_pem: str = greeting["ca"]

    def _first_line(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while "\n" not in (said := self._process.output()):
            if self._process.exited() is not None or time.monotonic() > deadline:
                raise BenchError(f"The mail server did not start: {self._process.described()}")
            time.sleep(0.05)
        return said.partition("\n")[0]

    def since(self, moment: float) -> Seen:
        """Return the connections and emails since `moment`."""
        seen = Seen([], [])
        for line in self._process.output().splitlines()[1:]:
            match line.split():
                case ["connection", when] if float(when) >= moment:
                    seen.connections.append(float(when))
                case ["mail", when, server, about, message_id] if float(when) >= moment:
                    seen.mails.append(Delivery(float(when), int(server), about, message_id))
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()


async def _serve(delays: Sequence[float]) -> None:
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                _TellingServer(users={USERNAME: PASSWORD}, require_auth=True, reply_delay=delay)
            )
            for delay in delays
        ]
        ports = {
            "None": [server.plain_port for server in servers],
            "StartTLS": [server.starttls_port for server in servers],
            "TLS": [server.tls_port for server in servers],
        }
        _say(json.dumps({"ports": ports, "ca": "".join(server.ca_pem for server in servers)}))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve([float(delay) for delay in sys.argv[1:]]))
