# SPDX-License-Identifier: Apache-2.0
"""A probe after a failure, without credentials: which protocol does the server use?

The caller connects the socket to the address that it tested. The probe reads a few kilobytes at most and
shows only the name of the protocol.
"""

import asyncio
import contextlib
import os
import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smtp_operator.smtp.certificates import CertificateInfo, certificate_requested, watch

_MOST: Final = 8192
_FIRST: Final = 512
"""Bytes of TLS records that are kept for analysis."""
_LISTENS_AFTER_HANDSHAKE: Final = 2.0
_QUIT_LIMIT: Final = 1.0
"""Seconds for QUIT and the end of TLS."""
_OFFERS_STARTTLS: Final = re.compile(rb"(?mi)^250[ -]STARTTLS\b")
_ENOUGH: Final = re.compile(rb"(?m)^\d{3}(?: [^\n]*|\r?)\n|\A(?!\d{3}-)[^\n]*\n")
_HANDSHAKE_RECORD, _SERVER_HELLO = 22, 2
_SERVER_VERSION: Final = slice(9, 11)
"""Where the first record has the version of a ServerHello."""
_OLD_VERSIONS: Final = (b"\3\2", b"\3\1", b"\3\0")
"""TLS 1.1, TLS 1.0, SSL 3.0."""
_TLS_1_2: Final = b"\3\3"
_OLD_CIPHERS: Final = bytes.fromhex("c014c00ac013c009 00390033 0035002f 000a 00050004 00ff")
_WEAK_CIPHERS: Final = bytes.fromhex("009d009c 003d003c 0035002f c014c00ac013c009 000a 00050004 00ff")
"""Ciphers of TLS 1.2 that this client does not offer: without forward secrecy, or with SHA-1."""


class Protocol(StrEnum):
    """The protocol of a server."""

    SMTP = "SMTP"
    IMAP = "IMAP"
    POP3 = "POP3"
    SSH = "SSH"
    HTTP = "HTTP"
    FTP = "FTP"
    NNTP = "NNTP"
    TLS = "TLS"
    OTHER = ""
    SILENT = "silent"
    CLOSED = "closed"


_SIGNS: Final = (
    (Protocol.IMAP, re.compile(rb"\* (?:OK|PREAUTH|BYE)", re.IGNORECASE)),
    (Protocol.POP3, re.compile(rb"[+]OK|-ERR", re.IGNORECASE)),
    (Protocol.SSH, re.compile(rb"SSH-")),
    (Protocol.HTTP, re.compile(rb"HTTP/|<!?(?:doctype|html)", re.IGNORECASE)),
    (Protocol.TLS, re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")),
    (Protocol.FTP, re.compile(rb"\A220[ -](?![^\r\n]*smtp)[^\r\n]*ftp", re.IGNORECASE)),
    (Protocol.NNTP, re.compile(rb"\A20[01] [^\r\n]*(?:nntp|news|innd)", re.IGNORECASE)),
    (Protocol.SMTP, re.compile(rb"220[ -]|[45]\d\d[ -]")),
)


def identify(first: bytes) -> Protocol:
    """Return the protocol that matches the first bytes of a server."""
    first = first.lstrip(b"\r\n")
    return next(
        (kind for kind, sign in _SIGNS if sign.match(first)), Protocol.OTHER if first else Protocol.CLOSED
    )


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe."""

    kind: Protocol
    in_plaintext: bool = False
    """Whether the server greeted before the probe spoke."""
    spoke: bool = False
    """Whether the probe sent something."""
    start_tls: bool = False
    """Whether the server offers STARTTLS; only known for SMTP in plaintext."""
    certificate: CertificateInfo | None = None
    server_hello: bool = False
    """Whether client and server agreed on a TLS version and a cipher."""
    certificate_requested: bool = False
    """Whether the server asked for a client certificate."""
    alert: str = ""
    """The server's alert after the handshake, as OpenSSL names it."""


class _Line:
    """A socket with a deadline, and TLS over it with access to the records."""

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self.tls: ssl.SSLObject | None = None
        self.records = bytearray()
        self.alert = ""
        self._got = b""
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()

    async def send(self, data: bytes) -> None:
        if self.tls is not None:
            self.tls.write(data)
            data = self._out.read()
        await self._loop.sock_sendall(self._sock, data)

    async def _more(self) -> bytes:
        data = await self._loop.sock_recv(self._sock, _MOST)
        if self.tls is not None:
            if len(self.records) < _FIRST:
                self.records += data[:_FIRST]
            self._in.write(data) if data else self._in.write_eof()
        return data

    async def receive(self) -> bytes:
        """Return the next bytes; empty at the end, or if TLS fails."""
        if self.tls is None:
            return await self._more()
        while True:
            try:
                return self.tls.read(_MOST)
            except ssl.SSLWantReadError:
                if not await self._more():
                    return b""
            except ssl.SSLError as error:
                self.alert = error.reason or ""
                return b""

    async def reply(self) -> bytes:
        """Return a complete SMTP reply, or one line of another protocol."""
        self._got = b""
        while not _ENOUGH.search(self._got) and len(self._got) < _MOST:
            more = await self.receive()
            if not more:
                break
            self._got = (self._got + more).lstrip(b"\r\n")
        return self._got

    async def reply_within(self, limit: float) -> bytes | None:
        """Return a reply, or a part of it after so many seconds; None if the server is silent."""
        try:
            async with asyncio.timeout(limit):
                return await self.reply()
        except TimeoutError:
            return self._got or None

    async def end(self, *, greeted: bool) -> None:
        """End the session: with QUIT if the server has greeted, and with a close_notify over TLS."""
        with contextlib.suppress(OSError):  # ssl.SSLError is one, and TimeoutError
            async with asyncio.timeout(_QUIT_LIMIT):
                if greeted:
                    await self.send(b"QUIT\r\n")
                    await self.reply()
                if self.tls is not None:
                    try:
                        self.tls.unwrap()
                    finally:
                        await self._flush()

    async def handshake(self, server_name: str) -> bool:
        """Start TLS without any check. Return whether the handshake completed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        watch(context)
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=server_name)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._more():
                    return False
            except ssl.SSLError as error:
                self.alert = error.reason or ""
                await self._flush()  # the alert
                return False
            else:
                await self._flush()
                return True

    async def _flush(self) -> None:
        if self._out.pending:
            await self._loop.sock_sendall(self._sock, self._out.read())

    def result(self, kind: Protocol, facts: CertificateInfo | None = None) -> ProbeResult:
        """Return the result of a probe of TLS."""
        return ProbeResult(
            kind,
            certificate=facts,
            server_hello=facts is not None or self.server_hello,
            certificate_requested=certificate_requested(self.tls),
            alert=self.alert,
        )

    @property
    def server_hello(self) -> bool:
        """Whether the first received TLS record is a ServerHello (RFC 5246 section 7.4.1.3)."""
        return (
            len(self.records) > 5
            and self.records[0] == _HANDSHAKE_RECORD
            and self.records[5] == _SERVER_HELLO
        )


async def probe_plaintext(sock: socket.socket, helo_name: str, *, limit: float) -> ProbeResult:
    """Find out which protocol greets in plaintext, and whether the server offers STARTTLS."""
    with sock:
        line = _Line(sock)
        try:
            async with asyncio.timeout(limit):
                kind = identify(await line.reply())
                if kind is not Protocol.SMTP:
                    return ProbeResult(kind, in_plaintext=True)
                await line.send(b"EHLO " + helo_name.encode("ascii") + b"\r\n")
                offered = await line.reply()
            await line.end(greeted=True)
        except TimeoutError:
            return ProbeResult(Protocol.SILENT)
        except OSError:
            return ProbeResult(Protocol.CLOSED)
        starts = _OFFERS_STARTTLS.search(offered) is not None
        return ProbeResult(kind, in_plaintext=True, spoke=True, start_tls=starts)


async def probe_tls(
    sock: socket.socket, server_name: str, helo_name: str, *, listen: float, limit: float
) -> ProbeResult:
    """Find out which protocol the server speaks over TLS, without any check.

    The probe speaks after ``listen`` seconds, since servers punish clients that speak before the greeting.
    After the handshake it waits as long for a greeting; then an EHLO makes an HTTP server answer.
    """
    spoke = False
    listen_over_tls = min(max(listen, _LISTENS_AFTER_HANDSHAKE), limit / 3)  # leaves time for the answer
    with sock:
        line = _Line(sock)
        try:
            async with asyncio.timeout(limit):
                early = await line.reply_within(listen) if listen else None
                if early is not None:
                    kind = identify(early)
                    if kind is Protocol.SMTP:
                        await line.end(greeted=True)
                    return ProbeResult(kind, in_plaintext=True)
                spoke = True
                if not await line.handshake(server_name):
                    kind = identify(bytes(line.records))
                    return ProbeResult(
                        Protocol.OTHER if kind is Protocol.SMTP else kind, spoke=True
                    )  # SMTP, but not over TLS
                facts = CertificateInfo.of_session(line.tls)
                said = await line.reply_within(listen_over_tls)
                greeted = said is not None and identify(said) is Protocol.SMTP
                if said is None:
                    # An HTTP server answers a request; the blank line ends it.
                    await line.send(b"EHLO " + helo_name.encode("ascii") + b"\r\n\r\n")
                    said = await line.reply_within(_LISTENS_AFTER_HANDSHAKE)
                await line.end(greeted=greeted)
                kind = Protocol.SILENT if said is None else identify(said)
                return ProbeResult(kind, spoke=True, certificate=facts, server_hello=True)
        except TimeoutError:
            return ProbeResult(Protocol.SILENT, spoke=spoke)
        except OSError:
            return ProbeResult(Protocol.CLOSED, spoke=spoke)


async def probe_proxy(sock: socket.socket, server_name: str, *, tls: bool, limit: float) -> bool:
    """Find out whether the server greets after a header of the PROXY protocol.

    The header says that the addresses of the connection count, so it claims nothing.
    """
    with sock:
        line = _Line(sock)
        try:
            async with asyncio.timeout(limit):
                await line.send(b"PROXY UNKNOWN\r\n")
                if tls and not await line.handshake(server_name):
                    return False
                greeted = (await line.reply()).startswith(b"220")
                await line.end(greeted=greeted)
                return greeted
        except OSError:
            return False


async def probe_old_tls(
    sock: socket.socket, helo_name: str, *, start_tls: bool, limit: float, ciphers: bool = False
) -> bool:
    """Return whether the server answers a ClientHello of TLS 1.1, with ``start_tls`` after STARTTLS.

    With ``ciphers``, it is a ClientHello of TLS 1.2 with weak ciphers. It has no name and no certificate.
    Nothing follows it.
    """
    with sock:
        line = _Line(sock)
        try:
            async with asyncio.timeout(limit):
                if start_tls and not await _begin_start_tls(line, helo_name):
                    return False
                await line.send(_client_hello(ciphers=ciphers))
                got = b""
                while len(got) < _SERVER_VERSION.stop and (more := await line.receive()):
                    got += more
        except OSError:
            return False
    answered = got[:1] == bytes([_HANDSHAKE_RECORD]) and got[5:6] == bytes([_SERVER_HELLO])
    return answered and got[_SERVER_VERSION] in ((_TLS_1_2,) if ciphers else _OLD_VERSIONS)


def _client_hello(*, ciphers: bool) -> bytes:
    """Return a ClientHello of TLS 1.1 (RFC 4346 section 7.4.1.2) with the usual ciphers of its time.

    With ``ciphers``, return one of TLS 1.2 with weak ciphers.
    """
    groups = bytes.fromhex("000a0008000600170018001d 000b00020100")
    version, offered = (_TLS_1_2, _WEAK_CIPHERS) if ciphers else (_OLD_VERSIONS[0], _OLD_CIPHERS)
    if ciphers:
        groups += bytes.fromhex("000d000a0008 0401050104030503")  # RSA and ECDSA with SHA-256 and SHA-384
    body = version + os.urandom(32) + b"\0" + len(offered).to_bytes(2) + offered + b"\1\0"
    body += len(groups).to_bytes(2) + groups
    message = b"\1" + len(body).to_bytes(3) + body
    return bytes([_HANDSHAKE_RECORD]) + b"\3\1" + len(message).to_bytes(2) + message


async def _begin_start_tls(line: _Line, helo_name: str) -> bool:
    await line.reply()
    await line.send(b"EHLO " + helo_name.encode("ascii") + b"\r\n")
    await line.reply()
    await line.send(b"STARTTLS\r\n")
    return (await line.reply()).startswith(b"220")


async def probe_certificate(
    sock: socket.socket,
    server_name: str,
    helo_name: str,
    *,
    start_tls: bool,
    limit: float,
    read_alert: bool = False,
) -> ProbeResult:
    """Return the server's certificate, with ``start_tls`` after STARTTLS.

    With ``read_alert``, also return the alert that a TLS 1.3 server may send after the handshake.
    """
    with sock:
        line = _Line(sock)
        try:
            async with asyncio.timeout(limit):
                greeted = start_tls
                if start_tls and not await _begin_start_tls(line, helo_name):
                    await line.end(greeted=True)
                    return ProbeResult(Protocol.SMTP)
                if not await line.handshake(server_name):
                    return line.result(Protocol.TLS)
                facts = CertificateInfo.of_session(line.tls)
                if read_alert or not start_tls:
                    said = await line.reply_within(min(limit / 2, _LISTENS_AFTER_HANDSHAKE))
                    greeted = greeted or (said or b"").startswith(b"220")
                await line.end(greeted=greeted and not line.alert)
        except OSError:
            return line.result(Protocol.OTHER)
        return line.result(Protocol.TLS, facts)
