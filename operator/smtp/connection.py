# SPDX-License-Identifier: Apache-2.0
"""A connection to a mail server, based on aiosmtplib's protocol.

The protocol rejects injected commands and bytes sent before TLS. It receives only complete replies of bounded
size. Its errors become four exceptions of this module. They contain no server text except bytes that are not
SMTP.
"""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from aiosmtplib import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from smtp_operator.alarm import Alarm
from smtp_operator.network.tls_alerts import AlertSender
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.reply_stream import MalformedReply, ReplyStream

_KEPT: Final = 4096
"""Bytes kept of the data since the last reply."""
_END_OF_REPLY: Final = re.compile(rb"(?m)^\d{3}(?: [^\n]*|\r?)\n")
_UNREAD_REPLY: Final = re.compile(r"^([245]\d\d)[ -]")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_CLOSING: Final = 1.0
"""Seconds that a server has to close its side of TLS."""


class ConnectionFailure(Exception):
    """The dialogue cannot go on."""


class ReplyTimeout(ConnectionFailure):
    """No reply arrived within ``limit`` seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self.limit = limit


class ConnectionClosed(ConnectionFailure):
    """The server ended the connection."""

    def __init__(self, *, said: Reply | None = None, alert: str = "") -> None:
        """Keep ``said``, an unrequested and perhaps incomplete reply, and ``alert``, a TLS alert."""
        super().__init__()
        self.said = said
        self.alert = alert


class InvalidReply(ConnectionFailure):
    """The server sent data that is not an SMTP reply."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw


class TlsHandshakeFailed(ConnectionFailure):
    """The TLS handshake failed. ``reason`` is from OpenSSL; ``verify_code`` 0: no check failed."""

    def __init__(self, reason: str, verify_code: int) -> None:
        super().__init__(reason, verify_code)
        self.reason = reason
        self.verify_code = verify_code


class _Recorder(SMTPProtocol):
    """Reads whole replies, limits the wait for them, and keeps the first bytes since the last one."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.received = bytearray()
        self.unanswered = 1
        """See ``SmtpConnection``."""
        self.on_reply: Callable[[Reply], None] | None = None
        """Called with the reply to STARTTLS."""
        self._error: Exception | None = None
        self._silent = False
        """Whether the last reply did not arrive in time."""
        self._invalid_reply = False
        """Whether the server sent data that is not a reply, or too much data."""
        self._ended = False
        self._stream = ReplyStream()
        self._arrived: deque[bytes] = deque()
        """Replies that are not read yet."""
        self._waiter: asyncio.Future[None] | None = None
        self._alarm = Alarm(self._on_timeout)  # asyncio.wait_for costs several times as much

    def data_received(self, data: bytes) -> None:
        if len(self.received) < _KEPT:
            self.received += data[:_KEPT]
        if self._invalid_reply:
            return
        try:
            replies = self._stream.add(data)
        except MalformedReply:
            self._invalid_reply = True
            self.eof_received()
            self.abort()
            return
        if replies:
            self._arrived += replies
            self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False  # the transport closes

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = exc
        super().connection_lost(exc)
        self.eof_received()
        self._alarm.close()

    def _on_timeout(self) -> None:
        if self._waiter is not None and not self._waiter.done():  # otherwise, the wait ended in time
            self._silent = True
            self._waiter.set_result(None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, data: bytes, replies: int = 1) -> None:
        """Send commands; ``ConnectionClosed`` if the connection is closed."""
        self.unanswered = replies
        self._stream.expect(replies)
        self._arrived.clear()
        try:
            super().write(data)
        except SMTPServerDisconnected:
            raise self.failure(0.0) from None

    def abort(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            # isinstance would fail: uvloop's transports do not derive from asyncio's classes
            cast(asyncio.WriteTransport, self.transport).abort()

    def _event(self, limit: float) -> asyncio.Future[None]:
        """Wait up to ``limit`` seconds for a reply, the end of the data, or the end of the connection."""
        self._silent = False
        self._alarm.set(limit)
        self._waiter = self._loop.create_future()
        return self._waiter

    async def wait_lost(self, limit: float) -> None:
        """Wait up to ``limit`` seconds for the end of the connection."""
        end = self._loop.time() + limit
        await asyncio.sleep(0)  # without TLS, it has ended then
        while self.transport is not None and (left := end - self._loop.time()) > 0:
            await self._event(left)

    async def unrequested(self, limit: float) -> bytes:
        """See ``SmtpConnection.unrequested``."""
        if b"\n" not in self.received and limit and not self._ended:
            self._stream.expect(1)
            await self._event(limit)
        return bytes(self.received)

    async def reply(self, limit: float) -> Reply:
        """Return the next reply.

        Raises:
            ReplyTimeout, ConnectionClosed, InvalidReply: there is none.
        """
        if not self._arrived and not self._ended:
            await self._event(limit)
        if not self._arrived:
            raise self.failure(limit)
        lines = self._arrived.popleft()
        self.unanswered -= 1
        if not b"2" <= lines[:1] <= b"5":
            raise InvalidReply(bytes(self.received))
        end = _END_OF_REPLY.search(self.received)
        del self.received[: end.end() if end else None]  # the rest belongs to unrequested replies
        return Reply.of_lines(lines)

    def failure(self, limit: float) -> ConnectionFailure:
        """Return why no reply arrived within ``limit`` seconds."""
        if self._invalid_reply:
            return InvalidReply(bytes(self.received))
        if self._silent:
            return ReplyTimeout(limit)
        alert = self._error.reason if isinstance(self._error, ssl.SSLError) else None
        return ConnectionClosed(said=_unread_reply(self.received), alert=alert or "")

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:
        """Read the reply to STARTTLS; aiosmtplib calls this."""
        assert timeout is not None
        assert self.on_reply is not None
        reply = await self.reply(timeout)
        self.on_reply(reply)
        return SMTPResponse(reply.code, reply.text)


class SmtpConnection:
    """Sends commands and returns replies; every limit is in seconds.

    After an error only close it; after a ``ReplyTimeout`` in place of the greeting, ``reply`` may be called
    again.
    """

    def __init__(self, protocol: _Recorder, sock: socket.socket) -> None:
        self._protocol = protocol
        self._alerts = AlertSender(sock)
        self._tls: ssl.SSLObject | None = None
        self._upgrading = False

    @classmethod
    async def open(
        cls, sock: socket.socket, *, context: ssl.SSLContext | None, server_name: str, limit: float
    ) -> "SmtpConnection":
        """Take over a connected socket, and start TLS if ``context`` is given.

        Raises:
            ReplyTimeout, ConnectionClosed, TlsHandshakeFailed: the TLS handshake failed.
        """
        loop = asyncio.get_running_loop()
        protocol = _Recorder()
        connection = cls(protocol, sock)
        try:
            if context is None:
                with connection._alerts:  # uvloop upgrades a connection in the context of its start
                    await loop.create_connection(lambda: protocol, sock=sock)
            else:
                async with asyncio.timeout(limit):
                    with connection._alerts:
                        await loop.create_connection(
                            lambda: protocol,
                            sock=sock,
                            ssl=context,
                            server_hostname=server_name,
                            ssl_handshake_timeout=limit + 1,
                            ssl_shutdown_timeout=_CLOSING,
                        )
                connection._tls = connection._ssl_object()
        except TimeoutError:
            raise ReplyTimeout(limit) from None
        except ssl.SSLError as error:
            raise await connection._refused(error) from None
        except OSError:
            raise ConnectionClosed from None
        return connection

    @property
    def unanswered(self) -> int:
        """The number of replies that the server owes, at first its greeting."""
        return self._protocol.unanswered

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session; None without TLS."""
        return self._tls

    async def _refused(self, error: ssl.SSLError) -> ConnectionFailure:
        await self._alerts.wait_closed(_CLOSING)
        return _tls_failed(error)

    def _ssl_object(self) -> ssl.SSLObject | None:
        transport = self._protocol.transport
        return None if transport is None else transport.get_extra_info("ssl_object")

    async def command(self, *words: bytes, limit: float) -> Reply:
        """Send a command and return the reply. ValueError: a word has a control character."""
        self.send_group([words])
        return await self._protocol.reply(limit)

    def send_group(self, commands: Sequence[tuple[bytes, ...]]) -> None:
        """Send several commands at once (RFC 2920); ``reply`` returns the reply to each.

        Raises:
            ValueError: a word has a control character.
            ConnectionClosed: the connection is closed.
        """
        lines = [b" ".join(words) for words in commands]
        if any(map(_CONTROL.search, lines)):
            raise ValueError("a word of a command has a control character")
        self._protocol.write(b"\r\n".join([*lines, b""]), len(lines))

    async def reply(self, limit: float) -> Reply:
        """Return the greeting, or the reply to the next command of a group."""
        return await self._protocol.reply(limit)

    async def content(self, mail: bytes, *, limit: float) -> Reply:
        """Send the message, dot-stuffed and with the final dot, and return the reply."""
        lines = [b"." + line if line.startswith(b".") else line for line in mail.splitlines()]
        self._protocol.write(b"\r\n".join([*lines, b".\r\n"]))
        return await self._protocol.reply(limit)

    async def unrequested(self, limit: float) -> bytes:
        """Return data after the last reply, for which the client did not ask; wait for its first line."""
        return await self._protocol.unrequested(limit)

    async def start_tls(
        self, context: ssl.SSLContext, *, server_name: str, limit: float, on_reply: Callable[[Reply], None]
    ) -> Reply:
        """Send STARTTLS; after a 220, call ``on_reply`` and do the TLS handshake."""
        said: list[Reply] = []

        def between(reply: Reply) -> None:
            self._upgrading = reply.code == 220
            said.append(reply)
            on_reply(reply)

        self._protocol.on_reply = between
        try:
            async with asyncio.timeout(limit):  # the library applies it to the reply and the handshake
                with self._alerts:
                    await self._protocol.start_tls(context, server_hostname=server_name, timeout=limit + 1)
        except TimeoutError:
            raise ReplyTimeout(limit) from None
        except SMTPResponseException:
            return said[0]
        except SMTPServerDisconnected:
            raise self._protocol.failure(limit) from None
        except ssl.SSLError as error:
            raise await self._refused(error) from None
        except OSError:
            raise ConnectionClosed from None
        self._tls = self._ssl_object()
        self._upgrading = False
        return said[0]

    def abort(self) -> None:
        """End the connection without waiting for the server; over TLS, with a close_notify."""
        transport = self._protocol.transport
        if transport is not None:
            transport.close()
            self._protocol.abort()

    async def close(self, limit: float = _CLOSING) -> None:
        """Close the connection, and give the server up to ``limit`` seconds to close its side of TLS."""
        transport = self._protocol.transport
        if transport is None:
            return
        transport.close()
        if not self._upgrading:  # else the end of the connection is not reported
            await self._protocol.wait_lost(limit)
        self.abort()


def _unread_reply(received: bytearray) -> Reply | None:
    lines = received.decode("utf-8", "replace").splitlines()
    for start, line in enumerate(lines):
        found = _UNREAD_REPLY.match(line)
        if found is not None and found[1][0] != "2":
            reply = []
            for text in lines[start:]:
                if not text.startswith(found[1]):
                    break
                reply.append(text[4:])
                if text[3:4] != "-":  # what follows is another reply
                    break
            return Reply.of(int(found[1]), "\n".join(reply))
    return None


def _tls_failed(error: ssl.SSLError) -> ConnectionFailure:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ConnectionClosed()
    return TlsHandshakeFailed(error.reason or "", code)
