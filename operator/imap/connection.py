# SPDX-License-Identifier: Apache-2.0
"""Connection to an IMAP server: IMAPClient over a socket that counts every byte and second.

imaplib, on which IMAPClient is built, reserves memory for a literal before it arrives. This connection reads
into a separate buffer instead.
"""

import collections
import imaplib
import logging
import re
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, Literal, Self

import imapclient

from smtp_operator.network.bounded_sockets import AnswerTooLarge, PlainSocket, TlsSocket, bounds

_LINE: Final = 64 * 1024
"""Longest line of a server in bytes; a result of SEARCH is one line."""
_LINE_COST: Final = 128
"""Minimum bytes that one line counts for: to parse a short one costs as much."""
_PIECE: Final = 8192
_SOCKET_TIMEOUT: Final = 30.0
"""Seconds that the server may take to read a command."""
_REMEMBERED: Final = 6
_SHOWN: Final = 1000
_TAGGED: Final = re.compile(rb"[A-P]{4}\d+ (OK|NO|BAD) ?(.*)", re.IGNORECASE | re.DOTALL)
_RESPONSE: Final = re.compile(rb"(?:\*|[A-P]{4}\d{1,9}) (?:\d{1,10} )?[A-Za-z-]{1,20}(?=[ \r\n])")
"""Start of a response up to its name, which imaplib knows only in capitals."""
_SLICE: Final = 0.5
"""Seconds between two checks of whether a thread should keep waiting."""

# The library logs all commands, also those with a password, at level DEBUG.
logging.getLogger("imapclient").setLevel(logging.CRITICAL + 1)


class PlaintextBeforeTls(Exception):
    """The server sent data between its reply to STARTTLS and TLS; someone on the way may have added it."""


class _Imap(imaplib.IMAP4):
    """The protocol of imaplib, with our buffer."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._given = sock
        self._buffer = bytearray()
        self.said: collections.deque[bytes] = collections.deque(maxlen=_REMEMBERED)
        self.before_handshake: Callable[[], None] | None = None
        super().__init__(host)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Take over the given socket."""
        self.host, self.port, self.sock = host, port, self._given

    def _fill(self) -> None:
        piece = bytearray(_PIECE)
        size = self.sock.recv_into(piece)
        if not size:
            raise self.abort("socket error: EOF")
        self._buffer += piece[:size]

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes of a literal."""
        if size > bounds.size + len(self._buffer):
            raise AnswerTooLarge
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def readline(self) -> bytes:
        """Return the next line with its end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LINE:
                raise AnswerTooLarge
            self._fill()
        line = self._take(end + 1)
        bounds.count(max(0, _LINE_COST - len(line)))
        self.said.append(line[:_SHOWN])
        named = _RESPONSE.match(line)
        return named[0].upper() + line[named.end() :] if named else line

    def _append_untagged(self, typ: str, dat: Any) -> None:
        """Add a response; results of SEARCH may arrive in several ones, which IMAPClient does not expect."""
        this: Any = self
        earlier = this.untagged_responses.get(typ)
        if typ == "SEARCH" and earlier:
            earlier[0] = b" ".join([earlier[0], dat or b""]).strip()
        else:
            library: Any = super()
            library._append_untagged(typ, dat)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def shutdown(self) -> None:
        """Close the connection."""
        self.sock.close()

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> tuple[Literal["OK"], list[None]]:
        """Start TLS; forget everything that the server said before."""
        this: Any = self
        assert ssl_context is not None
        typ, _ = this._simple_command("STARTTLS")
        if typ != "OK":
            raise self.error("STARTTLS refused")
        if self._buffer:
            raise PlaintextBeforeTls
        if self.before_handshake is not None:
            self.before_handshake()
        self.sock = ssl_context.wrap_socket(self.sock, server_hostname=self.host)
        this._tls_established = True
        self.untagged_responses = {}
        this._get_capabilities()
        return "OK", [None]

    @property
    def has_unread(self) -> bool:
        """Whether received data waits to be read."""
        return bool(self._buffer) or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0)


class ImapConnection(imapclient.IMAPClient):
    """A client over an open socket, for one thread; ``bounds`` limits what it receives."""

    def __init__(self, bounded: socket.socket, *, is_tls: bool, host: str) -> None:
        """Read the greeting; use ``over`` instead."""
        self._bounded = bounded
        super().__init__(host, port=0, ssl=is_tls, timeout=_SOCKET_TIMEOUT)
        self.normalise_times = False
        self._imap.debug = 0

    @classmethod
    def over(
        cls,
        sock: socket.socket,
        *,
        context: ssl.SSLContext,
        implicit: bool,
        host: str,
        greeting: Callable[[], None],
    ) -> Self:
        """Take over a connected socket: shake hands for implicit TLS, then read the greeting.

        ``host`` is the name in the certificate; ``greeting`` is called before the greeting is read.

        Raises:
            OSError, ssl.SSLError, imaplib.IMAP4.error, AnswerTooLarge
        """
        sock.settimeout(_SOCKET_TIMEOUT)
        context.sslsocket_class = TlsSocket
        bounded: socket.socket = PlainSocket.of(sock)
        try:
            if implicit:
                bounded = context.wrap_socket(bounded, server_hostname=host)
            greeting()
            return cls(bounded, is_tls=implicit, host=host)
        except BaseException:
            bounded.close()
            raise

    def _create_IMAP4(self) -> _Imap:  # the library's name
        return _Imap(self._bounded, self.host)

    @property
    def commands(self) -> imapclient.IMAPClient:
        """The commands of the library."""
        return self

    @property
    def imap(self) -> _Imap:
        """The protocol."""
        found = self._imap
        assert isinstance(found, _Imap)
        return found

    @property
    def is_logged_in(self) -> bool:
        """Whether the server's greeting was PREAUTH."""
        return bool(self.imap.state == "AUTH")

    @property
    def was_answered(self) -> bool:
        """Whether the server answered the last command, according to the remembered lines."""
        return any(_TAGGED.match(line) for line in self.imap.said)

    @property
    def last_reply(self) -> str:
        """The text of the server's last tagged reply, or of its BYE; empty if there is none."""
        for line in reversed(self.imap.said):
            found = _TAGGED.match(line)
            if found is not None:
                return found[2].decode("utf-8", "replace").strip()
            if line.upper().startswith(b"* BYE"):
                return line[5:].decode("utf-8", "replace").strip()
        return ""

    @property
    def lists_special_use(self) -> bool:
        """Whether ``special_folders`` can add to what a plain LIST returns (RFC 6154, section 2)."""
        return all(map(self.commands.has_capability, ("SPECIAL-USE", "LIST-EXTENDED")))

    def special_folders(self) -> Any:
        """Return attributes, delimiter and name of all folders; RETURN asks for those of RFC 6154."""
        this: Any = self
        status, _ = self.imap._simple_command("LIST", '""', '"*"', "RETURN", "(SPECIAL-USE)")
        this._checkok("LIST", status, [])
        return this._proc_folder_list(self.imap._untagged_response(status, [], "LIST")[1])

    @staticmethod
    def quoted(text: str) -> str:
        """Return a quoted string (RFC 9051, section 4.3); imaplib quotes only passwords."""
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def wait_for_news(self, seconds: float) -> bool:
        """Wait until the server says something in IDLE; return False after so many seconds."""
        until = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self.imap.sock.fileno(), select.POLLIN)
        while not (bounds.stop and bounds.stop.is_set()):
            if self.imap.has_unread:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            if poller.poll(min(left, _SLICE) * 1000):
                return True
        raise TimeoutError
