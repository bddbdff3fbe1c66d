# SPDX-License-Identifier: Apache-2.0
"""A mail server with scripted faults, at any step of the dialogue.

It behaves normally at all other steps, so a script is one line for each fault::

    async with FaultServer({"RCPT": reply("450 4.7.1 greylisted")}) as server: …
    async with FaultServer({"banner": silence()}) as server: …
    async with FaultServer({"AUTH": then(reply("535 5.7.8 no"), drop())}, tls="starttls") as server: …

Steps are ``banner``, a verb in capitals, ``line`` for later lines of a login, ``.`` for the reply to an email
and ``handshake`` for TLS. The actions in a list are for the first, second … time in a connection (for
``banner`` and ``handshake`` for the first, second … connection). The last action repeats.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Final, Literal

import trustme

from smtp_testkit.mailpeers.listening import stop_listening

TlsMode = Literal["none", "starttls", "implicit"]


class ConnectionClosed(Exception):
    """The script closed the connection."""


class ScriptedConnection:
    """A connection, for actions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()


Action = Callable[[ScriptedConnection], Awaitable[None]]
Script = Mapping[str, Action | Sequence[Action]]


def raw(data: bytes) -> Action:
    """Send these bytes."""

    async def action(talk: ScriptedConnection) -> None:
        await talk.send(data)

    return action


def reply(text: str) -> Action:
    """Send this reply; line breaks make it multi-line. Surrogates become the bytes that they represent."""
    lines = text.split("\n")
    code = lines[0][:3]
    marked = [f"{code}-{line.removeprefix(code).lstrip(' -')}" for line in lines[:-1]]
    last = lines[-1] if len(lines) == 1 else f"{code} {lines[-1].removeprefix(code).lstrip(' -')}"
    return raw("".join(f"{line}\r\n" for line in [*marked, last]).encode("utf-8", "surrogateescape"))


def after(seconds: float, action: Action) -> Action:
    """Do an action after a delay."""

    async def delayed(talk: ScriptedConnection) -> None:
        await asyncio.sleep(seconds)
        await action(talk)

    return delayed


def dribble(data: bytes, *, every: float) -> Action:
    """Send these bytes one by one, ``every`` so many seconds."""

    async def action(talk: ScriptedConnection) -> None:
        for byte in data:
            await talk.send(bytes([byte]))
            await asyncio.sleep(every)

    return action


def drop() -> Action:
    """Close the connection."""

    async def action(talk: ScriptedConnection) -> None:
        raise ConnectionClosed

    return action


def reset() -> Action:
    """Abort the connection with a RST."""

    async def action(talk: ScriptedConnection) -> None:
        sock = talk.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionClosed

    return action


def silence() -> Action:
    """Send nothing until the client closes the connection."""

    async def action(talk: ScriptedConnection) -> None:
        while await talk.reader.read(4096):
            pass
        raise ConnectionClosed

    return action


def then(*actions: Action) -> Action:
    """Do several actions in order."""

    async def action(talk: ScriptedConnection) -> None:
        for one in actions:
            await one(talk)

    return action


_POLITE: Final[dict[str, Action]] = {
    "banner": reply("220 fault.test ESMTP"),
    "EHLO": reply("250-fault.test\n250-SIZE 1000000\n250 AUTH PLAIN LOGIN CRAM-MD5"),
    "HELO": reply("250 fault.test"),
    "STARTTLS": reply("220 2.0.0 go ahead"),
    "AUTH": reply("235 2.7.0 accepted"),
    "line": reply("235 2.7.0 accepted"),
    "MAIL": reply("250 2.1.0 ok"),
    "RCPT": reply("250 2.1.5 ok"),
    "DATA": reply("354 go on"),
    ".": reply("250 2.0.0 ok: queued as 4F1B2"),
    "RSET": reply("250 2.0.0 ok"),
    "QUIT": then(reply("221 2.0.0 bye"), drop()),
}
_OFFERS_PIPELINING: Final = reply(
    "250-fault.test\n250-SIZE 1000000\n250-PIPELINING\n250 AUTH PLAIN LOGIN CRAM-MD5"
)
_OFFERS_STARTTLS: Final = reply(
    "250-fault.test\n250-SIZE 1000000\n250-STARTTLS\n250 AUTH PLAIN LOGIN CRAM-MD5"
)


class FaultServer:
    """Follows a script on a free port of 127.0.0.1; see the module."""

    def __init__(
        self, script: Script | None = None, *, tls: TlsMode = "none", context: ssl.SSLContext | None = None
    ) -> None:
        """``context``: TLS context; default: one with a certificate of ``ca`` for localhost."""
        self.script = dict(script or {})
        self.tls = tls
        self._context = context
        self.port = 0
        self.pipelining = False
        """Whether the normal reply to EHLO offers PIPELINING."""
        self.longest_command = 0
        """Longest command line that is accepted, with CRLF; 0: any."""
        self.connections = 0
        self.received: list[bytes] = []
        """Every line that clients sent, including emails."""
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._openings: dict[str, int] = {}

    # Most scripts are of dialogues in plaintext, and creating a certificate takes longer than these.

    @cached_property
    def ca(self) -> trustme.CA:
        """The CA that issued the server's certificate."""
        return trustme.CA()

    @property
    def ca_pem(self) -> str:
        """The CA certificate."""
        return self.ca.cert_pem.bytes().decode()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The TLS context."""
        if self._context is not None:
            return self._context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", "127.0.0.1", "fault.test").configure_cert(context)
        return context

    async def __aenter__(self) -> "FaultServer":
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        await stop_listening(self._listener)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # and their connections are closed

    async def connect(self, address: object, port: int, *, limit: float) -> socket.socket:
        """Connect without a network; for tests on a fake clock."""
        client, own = socket.socketpair()
        client.setblocking(False)
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, own)
        except BaseException:
            client.close()
            raise
        return client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        talk = ScriptedConnection(reader, writer)
        try:
            await self._dialogue(talk)
        except (ConnectionClosed, OSError, asyncio.IncompleteReadError):
            pass  # scripted, or the client has closed the connection
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort() if self.tls != "none" else writer.close()

    async def _dialogue(self, talk: ScriptedConnection) -> None:
        times: dict[str, int] = {}
        offers_starttls = self.tls == "starttls"
        if self.tls == "implicit":
            await self._handshake(talk, self._openings)
        await self._act("banner", talk, self._openings)
        while True:
            line = await talk.reader.readline()
            if not line:
                return
            self.received.append(line.rstrip(b"\r\n"))
            verb = line.split(b" ")[0].strip().upper().decode("ascii", "replace")
            step = verb if verb in _POLITE else "line"
            if step != "line" and 0 < self.longest_command < len(line):
                await reply("500 5.5.2 Line too long")(talk)
                continue
            if step == "EHLO" and offers_starttls and "EHLO" not in self.script:
                await _OFFERS_STARTTLS(talk)
                continue
            await self._act(step, talk, times)
            if step == "STARTTLS" and offers_starttls:
                await self._handshake(talk, self._openings)
                offers_starttls = False
            if step == "DATA":
                await self._mail(talk, times)

    async def _mail(self, talk: ScriptedConnection, times: dict[str, int]) -> None:
        while (line := await talk.reader.readline()) not in {b".\r\n", b""}:
            self.received.append(line.rstrip(b"\r\n"))
        await self._act(".", talk, times)

    async def _handshake(self, talk: ScriptedConnection, times: dict[str, int]) -> None:
        if "handshake" in self.script:
            await self._act("handshake", talk, times)
        await talk.writer.start_tls(self.context)

    async def _act(self, step: str, talk: ScriptedConnection, times: dict[str, int]) -> None:
        found = self.script.get(step, _POLITE.get(step))
        if step == "EHLO" and self.pipelining and step not in self.script:
            found = _OFFERS_PIPELINING
        assert found is not None
        if callable(found):
            await found(talk)
            return
        turn = times.get(step, 0)
        times[step] = turn + 1
        await found[min(turn, len(found) - 1)](talk)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port of 127.0.0.1 that drops every connection attempt, as a firewall does."""
    listener = socket.socket()
    fillers: list[socket.socket] = []
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):  # the backlog accepts one or two; all later ones hang
            filler = socket.socket()
            fillers.append(filler)
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]
    finally:
        for filler in fillers:
            filler.close()
        listener.close()
