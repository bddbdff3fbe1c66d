# SPDX-License-Identifier: Apache-2.0
"""Bounded connections for ``requests``: size and duration of an answer are limited at the socket.

Every byte of an answer counts: status line, headers, interim answers (1xx), framing of chunks, body and
trailers, and the proxy's answer to CONNECT. So no part of an answer can grow without limit in
``http.client``, ``urllib3`` or ``requests``, which do not bound all of them.
"""

import http
import http.client
import re
import socket
import ssl
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from smtp_operator.network.bounded_sockets import AnswerTooLarge, PlainSocket

_HEADER_LINE: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\x84\x86-\xff]*\r?\n|\r?\n|")
"""A field line (RFC 9112, section 5) without obsolete line folding, the empty line, or the end.

Python would split at a lone CR, 0x85 and other separators into more lines than ``http.client`` counts.
"""


class _ProxySocket(PlainSocket):
    """The plain socket that the proxy's answer is read from."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        try:
            return super().recv_into(buffer, nbytes, flags)
        except AnswerTooLarge:
            raise urllib3.exceptions.ProxyError("answer too large", OSError()) from None


class _HeadReader:
    """Passes on the header lines of an answer, and rejects invalid ones."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.in_fields = False
        """Whether the status line was read."""

    def readline(self, limit: int) -> bytes:
        """Return the next line; raise HTTPException if it is not a field line."""
        line: bytes = self._stream.readline(limit)
        if self.in_fields and not _HEADER_LINE.fullmatch(line):
            raise http.client.HTTPException("invalid header line")
        self.in_fields = line not in (b"\r\n", b"\n")
        return line

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class BoundedResponse(http.client.HTTPResponse):
    """An answer with at most 100 lines per header section, all of them valid header lines."""

    def begin(self) -> None:
        """Read the status line and headers; skip interim answers of every kind (RFC 9110, 15.2)."""
        this: Any = self  # its attributes have other types until the headers are read
        stream = this.fp
        try:
            while this.headers is None:
                this.fp = _HeadReader(stream)
                super().begin()
                if 100 <= self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
                    this.headers = None
        finally:
            if this.fp is not None:  # None: an invalid status line has closed the stream
                this.fp = stream


class _Connection(urllib3.connection.HTTPSConnection):
    response_class = BoundedResponse

    def _new_conn(self) -> socket.socket:
        return _ProxySocket.of(super()._new_conn())


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Connection


class Adapter(HTTPAdapter):
    """Connects to one address under the URL's host name, with exactly our TLS context."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._context = context
        self._host = host
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(
            connections,
            maxsize,
            block,
            ssl_context=self._context,
            server_hostname=self._host,
            **pool_kwargs,
        )
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(
            proxy, ssl_context=self._context, server_hostname=self._host, **proxy_kwargs
        )
        manager.pool_classes_by_scheme = {"https": _Pool}
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Use only the context: requests would also load a public CA bundle into it."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return status, headers and the unread body; ignore cookies and encodings."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response
