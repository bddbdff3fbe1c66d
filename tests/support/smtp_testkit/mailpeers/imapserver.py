# SPDX-License-Identifier: Apache-2.0
"""An IMAP server for tests: the commands that the operator uses, and faults at any of them.

Replies have the form of Dovecot's, which ``tests/tiers/peers/test_real_mailboxes.py`` compares.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from types import TracebackType
from typing import Final, Self

import trustme

from smtp_testkit.mailpeers.listening import stop_listening

_CAPABILITIES: Final = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS SPECIAL-USE"
_COMMAND: Final = re.compile(rb"(\S+) (UID )?(\S+) ?(.*)", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')

Fault = Callable[["ImapTalk", str], Awaitable[None]]
"""Replaces the reply to a command; receives the connection and the tag."""


@dataclass
class StoredEmail:
    """An email in a folder."""

    uid: int
    raw: bytes
    arrived: datetime
    flags: set[str] = field(default_factory=set)
    reads: int = 0
    """How often any part of it was fetched, except its Message-ID."""


@dataclass
class ImapFolder:
    """A folder: its attributes and emails."""

    attributes: str = "\\HasNoChildren"
    emails: list[StoredEmail] = field(default_factory=list)


class ImapTalk:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *lines: str) -> None:
        """Send lines."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()


async def hang(talk: ImapTalk, tag: str) -> None:
    """Never answer."""
    await talk.reader.read()


async def hang_up(talk: ImapTalk, tag: str) -> None:
    """Close the connection."""
    raise ConnectionResetError


def says(*lines: str) -> Fault:
    """Answer with these lines; ``{tag}`` is the tag."""

    async def fault(talk: ImapTalk, tag: str) -> None:
        await talk.say(*(line.replace("{tag}", tag) for line in lines))

    return fault


def dribbles(piece: bytes = b"*", pause: float = 0.05) -> Fault:
    """Send a byte now and then, and never a whole line."""

    async def fault(talk: ImapTalk, tag: str) -> None:
        while True:
            talk.writer.write(piece)
            await talk.writer.drain()
            await asyncio.sleep(pause)

    return fault


def floods(line: bytes = b"* OK still here\r\n") -> Fault:
    """Send lines without end."""

    async def fault(talk: ImapTalk, tag: str) -> None:
        while True:
            talk.writer.write(line * 1000)
            await talk.writer.drain()
            # drain() does not yield on a lost connection, so asyncio could never report the loss.
            await asyncio.sleep(0)

    return fault


class ImapServer:
    """A server with one mailbox, on a free port of the loopback interface."""

    def __init__(
        self,
        *,
        users: dict[str, str] | None = None,
        capabilities: str = _CAPABILITIES,
        implicit: bool = True,
        faults: dict[str, Fault] | None = None,
    ) -> None:
        """Create a server; ``faults`` are by command in capitals, ``greeting`` or ``handshake``."""
        self.users = {"probe@example.org": "mailbox-pw"} if users is None else users
        self.capabilities = capabilities
        self.implicit = implicit
        self.faults = faults or {}
        self.folders = {"INBOX": ImapFolder(), "Junk": ImapFolder("\\HasNoChildren \\Junk")}
        self.commands: list[str] = []
        self.connections = 0
        self._news = asyncio.Condition()
        self._ca = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("localhost").configure_cert(self._context)
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def ca_pem(self) -> str:
        """The CA of the certificate, which is for localhost."""
        return self._ca.cert_pem.bytes().decode()

    @property
    def verbs(self) -> list[str]:
        """The commands without tags and arguments."""
        return [it.split()[0] for it in self.commands]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._context if self.implicit else None
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_listening(self._server)
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def store(self, raw: bytes, folder: str = "INBOX", *, arrived: datetime | None = None) -> StoredEmail:
        """Store an email, from any thread; connections in IDLE notice it at their next command."""
        emails = self.folders[folder].emails
        uid = 1 + max((it.uid for it in emails), default=0)
        stored = StoredEmail(uid, raw, arrived or datetime.now(UTC))
        emails.append(stored)
        return stored

    async def deliver(
        self, raw: bytes, folder: str = "INBOX", *, arrived: datetime | None = None
    ) -> StoredEmail:
        """Store an email, and tell connections in IDLE."""
        stored = self.store(raw, folder, arrived=arrived)
        async with self._news:
            self._news.notify_all()
        return stored

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await _Session(self, ImapTalk(reader, writer)).run()
        finally:
            self._talks.discard(task)
            writer.close()

    async def record(self, command: str) -> None:
        """Record a command."""
        self.commands.append(command)
        async with self._news:
            self._news.notify_all()

    async def asked(self, verb: str) -> None:
        """Wait until a client has sent this command."""
        async with self._news:
            await self._news.wait_for(lambda: verb in self.verbs)

    async def news(self, folder: str, known: int) -> None:
        """Wait until a folder has another number of emails than a client knows."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.folders[folder].emails) != known)

    @property
    def tls(self) -> ssl.SSLContext:
        """The context for STARTTLS."""
        return self._context


class _Session:
    def __init__(self, server: ImapServer, talk: ImapTalk) -> None:
        self._server = server
        self._talk = talk
        self._folder = ""
        self._known = 0
        self._writable = False

    async def run(self) -> None:
        server, talk = self._server, self._talk
        if "greeting" in server.faults:
            await server.faults["greeting"](talk, "*")
        else:
            await talk.say(f"* OK [CAPABILITY {self._capabilities}] ready")
        while True:
            line = await talk.reader.readuntil(b"\n")
            found = _COMMAND.fullmatch(line.strip())
            if found is None:
                continue
            tag, verb = found[1].decode(), found[3].decode().upper()
            text = f"{'UID ' if found[2] else ''}{verb} {found[4].decode(errors='replace')}".strip()
            await server.record(text)
            if verb in server.faults:
                await server.faults[verb](talk, tag)
                continue
            handler = getattr(self, f"_{verb.lower()}", None)
            if handler is None:
                await talk.say(f"{tag} BAD unknown command")
                continue
            await handler(tag, found[4].decode(errors="replace"))
            if verb == "LOGOUT":
                return

    @property
    def _capabilities(self) -> str:
        extra = "AUTH=PLAIN AUTH=LOGIN" if self._server.implicit or self._secure else "STARTTLS LOGINDISABLED"
        return f"{self._server.capabilities} {extra}"

    @property
    def _secure(self) -> bool:
        return self._talk.writer.get_extra_info("ssl_object") is not None

    async def _capability(self, tag: str, text: str) -> None:
        await self._talk.say(f"* CAPABILITY {self._capabilities}", f"{tag} OK done")

    async def _noop(self, tag: str, text: str) -> None:
        await self._talk.say(f"{tag} OK done")

    async def _starttls(self, tag: str, text: str) -> None:
        await self._talk.say(f"{tag} OK begin TLS")
        await self._talk.writer.start_tls(self._server.tls)

    async def _login(self, tag: str, text: str) -> None:
        user, password = _words(text)
        await self._log_in(tag, user, password)

    async def _authenticate(self, tag: str, text: str) -> None:
        await self._talk.say("+ ")
        answer = base64.b64decode(await self._talk.reader.readuntil(b"\n")).decode()
        _, user, password = answer.split("\0")
        await self._log_in(tag, user, password)

    async def _log_in(self, tag: str, user: str, password: str) -> None:
        if self._server.users.get(user) == password:
            await self._talk.say(f"{tag} OK [CAPABILITY {self._server.capabilities}] Logged in")
        else:
            await self._talk.say(f"{tag} NO [AUTHENTICATIONFAILED] Authentication failed.")

    async def _namespace(self, tag: str, text: str) -> None:
        await self._talk.say('* NAMESPACE (("" "/")) NIL NIL', f"{tag} OK done")

    async def _list(self, tag: str, text: str) -> None:
        pattern = _words(text)[1]
        lines = [
            f'* LIST ({folder.attributes}) "/" "{name}"'
            for name, folder in self._server.folders.items()
            if pattern in ("*", name)
        ]
        await self._talk.say(*lines, f"{tag} OK List completed")

    async def _examine(self, tag: str, text: str) -> None:
        await self._open(tag, text, writable=False)

    async def _select(self, tag: str, text: str) -> None:
        await self._open(tag, text, writable=True)

    async def _open(self, tag: str, text: str, *, writable: bool) -> None:
        name = _words(text)[0]
        if name not in self._server.folders:
            await self._talk.say(f"{tag} NO Mailbox doesn't exist: {name}")
            return
        self._folder, self._writable = name, writable
        self._known = len(self._emails)
        code = "READ-WRITE" if writable else "READ-ONLY"
        await self._talk.say(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
            f"* {len(self._emails)} EXISTS",
            "* 0 RECENT",
            "* OK [UIDVALIDITY 1] UIDs valid",
            f"{tag} OK [{code}] completed",
        )

    @property
    def _emails(self) -> list[StoredEmail]:
        return self._server.folders[self._folder].emails

    async def _search(self, tag: str, text: str) -> None:
        words, found = _words(text), []
        for email in self._emails:
            message = message_from_bytes(email.raw)
            at, fits = 0, True
            while at < len(words):
                if words[at].upper() == "HEADER":
                    value = " ".join(str(message.get(words[at + 1], "")).split())
                    fits = fits and words[at + 2].lower() in value.lower()
                    at += 3
                elif words[at].upper() == "SINCE":
                    since = datetime.strptime(words[at + 1], "%d-%b-%Y").replace(tzinfo=UTC)
                    fits = fits and email.arrived >= since
                    at += 2
                else:
                    raise ValueError
            found += [str(email.uid)] if fits else []
        await self._talk.say(" ".join(["* SEARCH", *found]), f"{tag} OK Search completed")

    async def _fetch(self, tag: str, text: str) -> None:
        uids, _, items = text.partition(" ")
        for number, email in enumerate(self._emails, 1):
            if str(email.uid) not in uids.split(","):
                continue
            parts: list[bytes] = [f"* {number} FETCH (UID {email.uid}".encode()]
            if "INTERNALDATE" in items:
                parts.append(email.arrived.strftime(' INTERNALDATE "%d-%b-%Y %H:%M:%S +0000"').encode())
            head = email.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            if "HEADER.FIELDS (MESSAGE-ID)" in items:
                value = message_from_bytes(head).get("Message-ID")
                only = f"Message-ID: {value}\r\n\r\n".encode() if value else b"\r\n"
                parts += _literal("BODY[HEADER.FIELDS (MESSAGE-ID)]<0>", only)
            elif "BODY.PEEK[HEADER]" in items:
                email.reads += 1
                parts += _literal("BODY[HEADER]<0>", head)
            elif "BODY.PEEK[]" in items:
                email.reads += 1
                parts += _literal("BODY[]<0>", email.raw)
            elif "BODY[" in items:
                email.flags.add("\\Seen")
            self._talk.writer.write(b"".join([*parts, b")\r\n"]))
        await self._talk.say(f"{tag} OK Fetch completed")

    async def _store(self, tag: str, text: str) -> None:
        uids, _, rest = text.partition(" ")
        if not self._writable:
            await self._talk.say(f"{tag} NO Mailbox is read-only")
            return
        for email in self._emails:
            if str(email.uid) in uids.split(","):
                email.flags |= set(re.findall(r"\\\w+", rest))
        await self._talk.say(f"{tag} OK Store completed")

    async def _expunge(self, tag: str, text: str) -> None:
        uids = text.split(",") if text else [str(it.uid) for it in self._emails]
        self._emails[:] = [it for it in self._emails if not ("\\Deleted" in it.flags and str(it.uid) in uids)]
        await self._talk.say(f"{tag} OK Expunge completed")

    async def _idle(self, tag: str, text: str) -> None:
        await self._talk.say("+ idling")
        done = asyncio.create_task(self._talk.reader.readuntil(b"\n"))
        try:
            while not done.done():
                news = asyncio.create_task(self._server.news(self._folder, self._known))
                await asyncio.wait({done, news}, return_when=asyncio.FIRST_COMPLETED)
                if news.done() and not done.done():
                    self._known = len(self._emails)
                    await self._talk.say(f"* {self._known} EXISTS")
                news.cancel()
        finally:
            done.cancel()
        await self._talk.say(f"{tag} OK Idle completed")

    async def _logout(self, tag: str, text: str) -> None:
        await self._talk.say("* BYE Logging out", f"{tag} OK Logout completed")


def _words(text: str) -> list[str]:
    return [
        re.sub(r"\\(.)", r"\1", quoted) if not plain else plain.strip("()")
        for quoted, plain in _QUOTED.findall(text)
    ]


def _literal(name: str, value: bytes) -> list[bytes]:
    return [f" {name} {{{len(value)}}}\r\n".encode(), value]
