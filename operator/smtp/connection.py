# SPDX-License-Identifier: Apache-2.0
"""A connection to a mail server, based on aiosmtplib's protocol.

The protocol rejects injected commands and bytes sent before TLS. It receives only complete replies of bounded
size. Its errors become four exceptions of this module. They contain no server text except bytes that are not
SMTP.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from aiosmtplib import SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError
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
    """Also keeps the first bytes since the last reply, limits the wait for a reply, and signals the end."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.received = bytearray()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.silent = False
        """Whether the last reply did not arrive in time."""
        self.invalid_reply = False
        """Whether the server sent data that is not a reply, or too much data."""
        self._replies = ReplyStream()
        self._read_later: deque[bytes] = deque()
        """Replies to later commands of a group."""
        self._alarm = Alarm(self._on_timeout)
        self.on_response: Callable[[SMTPResponse], None] | None = None

    def data_received(self, data: bytes) -> None:
        if len(self.received) < _KEPT:
            self.received += data[:_KEPT]
        if self.invalid_reply:
            return
        try:
            replies = self._replies.add(data)
        except MalformedReply:
            self.invalid_reply = True
            self.eof_received()  # the waiting command fails
            self.abort()
            return
        for reply in replies:
            waiter = self._response_waiter
            if self._response_pending and waiter is not None and not waiter.done():
                super().data_received(reply)
            else:
                self._read_later.append(reply)

    def write(self, data: bytes, replies: int = 1) -> None:
        self._replies.expect(replies)
        self._read_later.clear()
        super().write(data)

    @property
    def readable(self) -> bool:
        """Whether the next reply has arrived."""
        return bool(self._read_later)

    def pop_response(self) -> SMTPResponse:
        """Return the next reply, which has arrived."""
        lines = self._read_later.popleft().splitlines()
        text = b"\n".join(line[4:].strip() for line in lines)
        return SMTPResponse(int(lines[-1][:3]), text.decode("utf-8", "surrogateescape"))

    def expect_another(self) -> None:
        """Expect one more reply without a command."""
        self._replies.expect(1)

    def abort(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            # isinstance would fail: uvloop's transports do not derive from asyncio's classes
            cast(asyncio.WriteTransport, self.transport).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        super().connection_lost(exc)
        self._alarm.close()
        if not self.lost.done():
            self.lost.set_result(None)

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:
        assert timeout is not None
        self.silent = False
        self._alarm.set(timeout)  # asyncio.wait_for costs several times as much
        try:
            response = await super().read_response()
        finally:
            self._alarm.off()
        if self.on_response is not None:
            self.on_response(response)
        return response

    def _on_timeout(self) -> None:
        self.silent = True
        self.eof_received()  # as if the server had closed the connection: the waiting command fails


class SmtpConnection:
    """Sends commands and returns replies; every limit is in seconds.

    After an error only close it; after a ``ReplyTimeout`` in ``greeting``, that method may be called again.
    """

    def __init__(self, protocol: _Recorder, sock: socket.socket) -> None:
        self._protocol = protocol
        self._alerts = AlertSender(sock)
        self._tls: ssl.SSLObject | None = None
        self._upgrading = False
        self.unanswered = 1
        """The number of replies that the server owes, at first its greeting."""

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
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session; None without TLS."""
        return self._tls

    async def _refused(self, error: ssl.SSLError) -> ConnectionFailure:
        await self._alerts.wait_closed(_CLOSING)
        return _tls_failed(error)

    def _ssl_object(self) -> ssl.SSLObject | None:
        transport = self._protocol.transport
        return None if transport is None else transport.get_extra_info("ssl_object")

    async def greeting(self, limit: float) -> Reply:
        """Return the server's greeting."""
        return await self._next_reply(limit)

    async def command(self, *words: bytes, limit: float) -> Reply:
        """Send a command and return the reply. ValueError: a word has a control character."""
        self.send_group([words])
        return await self._next_reply(limit)

    def send_group(self, commands: Sequence[tuple[bytes, ...]]) -> None:
        """Send several commands at once (RFC 2920); ``reply`` returns the reply to each.

        Raises:
            ValueError: a word has a control character.
            ConnectionClosed: the connection is closed.
        """
        if any(_CONTROL.search(word) for words in commands for word in words):
            raise ValueError("a word of a command has a control character")
        self._send(b"".join(b" ".join(words) + b"\r\n" for words in commands), len(commands))

    async def reply(self, limit: float) -> Reply:
        """Return the reply to the next command of a group."""
        return await self._next_reply(limit)

    async def content(self, mail: bytes, *, limit: float) -> Reply:
        """Send the message, dot-stuffed and with the final dot, and return the reply."""
        lines = [b"." + line if line.startswith(b".") else line for line in mail.splitlines()]
        self._send(b"\r\n".join([*lines, b".\r\n"]), 1)
        return await self._next_reply(limit)

    async def unrequested(self, limit: float) -> bytes:
        """Return data after the last reply, for which the client did not ask; wait for its first line."""
        protocol = self._protocol
        if b"\n" not in protocol.received and limit:
            protocol.expect_another()
            with contextlib.suppress(SMTPServerDisconnected, SMTPTimeoutError, SMTPResponseException):
                await protocol.read_response(limit)
        return bytes(protocol.received)

    def _send(self, data: bytes, replies: int) -> None:
        self.unanswered = replies
        try:
            self._protocol.write(data, replies)
        except SMTPServerDisconnected as error:
            raise self._broken(error, 0.0) from None

    async def _next_reply(self, limit: float) -> Reply:
        protocol = self._protocol
        try:
            response = protocol.pop_response() if protocol.readable else await protocol.read_response(limit)
        except (SMTPServerDisconnected, SMTPTimeoutError, SMTPResponseException) as error:
            raise self._broken(error, limit) from None
        self.unanswered -= 1
        return self._reply(response)

    async def start_tls(
        self, context: ssl.SSLContext, *, server_name: str, limit: float, on_reply: Callable[[Reply], None]
    ) -> Reply:
        """Send STARTTLS; after a 220, call ``on_reply`` and do the TLS handshake."""

        def between(response: SMTPResponse) -> None:
            self._protocol.on_response = None
            self.unanswered = 0
            self._upgrading = response.code == 220
            on_reply(self._reply(response))

        self._protocol.on_response = between
        self.unanswered = 1
        try:
            async with asyncio.timeout(limit):  # the library applies it to the reply and the handshake
                with self._alerts:
                    response = await self._protocol.start_tls(
                        context, server_hostname=server_name, timeout=limit + 1
                    )
        except TimeoutError:
            raise ReplyTimeout(limit) from None
        except SMTPResponseException as error:
            if error.code == -1:
                raise self._broken(error, limit) from None
            return Reply.of(error.code, error.message)
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            raise self._broken(error, limit) from None
        except ssl.SSLError as error:
            raise await self._refused(error) from None
        except OSError:
            raise ConnectionClosed from None
        self._tls = self._ssl_object()
        self._upgrading = False
        return Reply.of(response.code, response.message)

    def _reply(self, response: SMTPResponse) -> Reply:
        received = self._protocol.received
        if not 200 <= response.code <= 599:
            raise InvalidReply(bytes(received))
        end = _END_OF_REPLY.search(received)
        del received[: end.end() if end else None]  # the rest belongs to unrequested replies
        return Reply.of(response.code, response.message)

    def _broken(self, error: Exception, limit: float) -> ConnectionFailure:
        if self._protocol.invalid_reply or isinstance(error, SMTPResponseException):
            return InvalidReply(bytes(self._protocol.received))
        if self._protocol.silent or isinstance(error, SMTPTimeoutError):
            return ReplyTimeout(limit)
        cause = self._protocol.error or error.__cause__
        alert = cause.reason if isinstance(cause, ssl.SSLError) else None
        return ConnectionClosed(said=_unread_reply(self._protocol.received), alert=alert or "")

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
            await asyncio.wait({self._protocol.lost}, timeout=limit)
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
