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
from collections.abc import Callable
from typing import Final, cast

from aiosmtplib import SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from smtp_operator.alarm import Alarm
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.reply_stream import MalformedReply, ReplyStream

_KEPT: Final = 4096
"""Bytes kept of the data since the last reply."""
_END_OF_REPLY: Final = re.compile(rb"(?m)^\d{3}(?: [^\n]*|\r?)\n")
_UNREAD_REPLY: Final = re.compile(r"^([245]\d\d)[ -]")
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
        self._alarm = Alarm(self._on_timeout)
        self.on_response: Callable[[SMTPResponse], None] | None = None

    def data_received(self, data: bytes) -> None:
        if len(self.received) < _KEPT:
            self.received += data[:_KEPT]
        if self.invalid_reply:
            return
        try:
            reply = self._replies.add(data)
        except MalformedReply:
            self.invalid_reply = True
            self.eof_received()  # the waiting command fails
            self.abort()
            return
        if reply is not None:
            super().data_received(reply)

    def write(self, data: bytes) -> None:
        self._replies.clear()
        super().write(data)

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
    """Sends commands and returns replies; every limit is in seconds. After an error, only close it."""

    def __init__(self, protocol: _Recorder) -> None:
        self._protocol = protocol
        self._tls: ssl.SSLObject | None = None

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
        connection = cls(protocol)
        try:
            if context is None:
                await loop.create_connection(lambda: protocol, sock=sock)
            else:
                async with asyncio.timeout(limit):
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
            raise _tls_failed(error) from None
        except OSError:
            raise ConnectionClosed from None
        return connection

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session; None without TLS."""
        return self._tls

    def _ssl_object(self) -> ssl.SSLObject | None:
        transport = self._protocol.transport
        return None if transport is None else transport.get_extra_info("ssl_object")

    async def greeting(self, limit: float) -> Reply:
        """Return the server's greeting."""
        try:
            return self._reply(await self._protocol.read_response(limit))
        except (SMTPServerDisconnected, SMTPTimeoutError, SMTPResponseException) as error:
            raise self._broken(error, limit) from None

    async def command(self, *words: bytes, limit: float) -> Reply:
        """Send a command and return the reply. ValueError: a word has a control character."""
        try:
            return self._reply(await self._protocol.execute_command(*words, timeout=limit))
        except (SMTPServerDisconnected, SMTPTimeoutError, SMTPResponseException) as error:
            raise self._broken(error, limit) from None

    async def content(self, mail: bytes, *, limit: float) -> Reply:
        """Send the message, dot-stuffed and with the final dot, and return the reply."""
        lines = [b"." + line if line.startswith(b".") else line for line in mail.splitlines()]
        try:
            self._protocol.write(b"\r\n".join([*lines, b".\r\n"]))
            return self._reply(await self._protocol.read_response(limit))
        except (SMTPServerDisconnected, SMTPTimeoutError, SMTPResponseException) as error:
            raise self._broken(error, limit) from None

    async def start_tls(
        self, context: ssl.SSLContext, *, server_name: str, limit: float, on_reply: Callable[[Reply], None]
    ) -> Reply:
        """Send STARTTLS; after a 220, call ``on_reply`` and do the TLS handshake."""

        def between(response: SMTPResponse) -> None:
            self._protocol.on_response = None
            on_reply(self._reply(response))

        self._protocol.on_response = between
        try:
            response = await self._protocol.start_tls(context, server_hostname=server_name, timeout=limit)
        except SMTPResponseException as error:
            if error.code == -1:
                raise self._broken(error, limit) from None
            return Reply.of(error.code, error.message)
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            raise self._broken(error, limit) from None
        except ssl.SSLError as error:
            raise _tls_failed(error) from None
        except OSError:
            raise ConnectionClosed from None
        self._tls = self._ssl_object()
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
        """End the connection at once."""
        self._protocol.abort()

    async def close(self) -> None:
        """Close the connection, and wait up to a second for the server to close its side."""
        transport = self._protocol.transport
        if transport is None:
            return
        transport.close()
        enough = asyncio.get_running_loop().call_later(_CLOSING, self.abort)
        try:
            await self._protocol.lost
        finally:
            enough.cancel()


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
