# SPDX-License-Identifier: Apache-2.0
"""Classify why there is no answer over HTTPS, by error codes and never by an exception's text."""

import errno
import ssl
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

import requests
import urllib3

from smtp_operator.network.destination import Address
from smtp_operator.network.trust import UNTRUSTED, NotAdmitted

_NO_ROUTE: Final = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
)
_DEPTH: Final = 12
"""Maximum number of causes of an error that are inspected."""


class ErrorKind(StrEnum):
    """Kinds of HTTPS errors."""

    PORT_NOT_ALLOWED = "port not allowed"
    ADDRESS_NOT_ALLOWED = "address not allowed"
    HOST_NOT_FOUND = "host not found"
    DNS_FAILED = "DNS failed"
    DNS_SILENT = "DNS silent"
    REFUSED = "connection refused"
    NO_ROUTE = "no route"
    CONNECT_TIMEOUT = "no answer to the connection attempt"
    TLS_FAILED = "TLS failed"
    TOO_SLOW = "too slow"
    DROPPED = "connection lost"
    TOO_LARGE = "answer too large"
    PROXY_FAILED = "no connection through the proxy"
    CA_NOT_ALLOWED = "CA not allowed"


_BEFORE_REQUEST: Final = frozenset({ErrorKind.REFUSED, ErrorKind.NO_ROUTE, ErrorKind.CONNECT_TIMEOUT})


class HttpsError(Exception):
    """There is no answer from ``host:port``."""

    def __init__(
        self,
        kind: ErrorKind,
        host: str,
        port: int,
        *,
        addresses: Sequence[Address] = (),
        seconds: float = 0.0,
        size: int = 0,
        tls_reason: str = "",
        verify_code: int = 0,
        proxy: str = "",
        bound: bool = False,
        not_admitted: NotAdmitted | None = None,
    ) -> None:
        """``tls_reason`` and ``verify_code`` are OpenSSL's, if TLS failed; ``proxy`` is the proxy's URL.

        ``bound``: the host name was looked up without search domains. ``not_admitted`` is set if ``kind``
        is CA_NOT_ALLOWED.
        """
        super().__init__(str(kind))
        self.kind = kind
        self.host = host
        self.port = port
        self.addresses = tuple(addresses)
        self.seconds = seconds
        self.size = size
        self.tls_reason = tls_reason
        self.verify_code = verify_code
        self.proxy = proxy
        self.bound = bound
        self.not_admitted = not_admitted

    def copy(self) -> "HttpsError":
        """Return a copy, to raise for another caller."""
        return HttpsError(
            self.kind,
            self.host,
            self.port,
            addresses=self.addresses,
            seconds=self.seconds,
            size=self.size,
            tls_reason=self.tls_reason,
            verify_code=self.verify_code,
            proxy=self.proxy,
            bound=self.bound,
            not_admitted=self.not_admitted,
        )

    @property
    def before_request(self) -> bool:
        """Return whether it failed before the request was sent, so that another address may be tried."""
        return self.kind in _BEFORE_REQUEST

    @property
    def place(self) -> str:
        """Return host and port as text, with brackets for IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def error_of(
    error: Exception,
    host: str,
    port: int,
    addresses: Sequence[Address],
    seconds: float,
    *,
    proxy: str = "",
    not_admitted: NotAdmitted | None = None,
) -> HttpsError:
    """Convert an error of ``requests``, ``urllib3`` or the socket.

    ``not_admitted``: the certificates of the request's ``caRef`` that were left out.
    """
    if isinstance(error, HttpsError):
        return error
    found = list(_causes(error))
    if any(isinstance(it, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for it in found):
        return HttpsError(ErrorKind.PROXY_FAILED, host, port, proxy=proxy)
    tls = next((it for it in found if isinstance(it, ssl.SSLError)), None)
    if tls is not None and not isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError | TimeoutError):
        code = tls.verify_code if isinstance(tls, ssl.SSLCertVerificationError) else 0
        if not_admitted is not None and code in UNTRUSTED:
            return HttpsError(ErrorKind.CA_NOT_ALLOWED, host, port, not_admitted=not_admitted)
        return HttpsError(ErrorKind.TLS_FAILED, host, port, tls_reason=tls.reason or "", verify_code=code)
    return HttpsError(_error_kind(error, found), host, port, addresses=addresses, seconds=seconds)


def _error_kind(error: Exception, found: Sequence[BaseException]) -> ErrorKind:
    numbers = {it.errno for it in found if isinstance(it, OSError)}
    if errno.ECONNREFUSED in numbers:
        return ErrorKind.REFUSED
    if numbers & _NO_ROUTE:
        return ErrorKind.NO_ROUTE
    if isinstance(error, requests.ConnectTimeout):
        return ErrorKind.CONNECT_TIMEOUT
    slow = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    if any(isinstance(it, slow) for it in found):
        return ErrorKind.TOO_SLOW
    return ErrorKind.DROPPED


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, including those that a library hides among its arguments."""
    ahead: list[BaseException] = [error]
    visited: list[BaseException] = []
    while ahead and len(visited) < _DEPTH:
        here = ahead.pop(0)
        if here in visited:
            continue
        visited.append(here)
        yield here
        inside = [here.__cause__, here.__context__, getattr(here, "reason", None), *here.args]
        ahead += [it for it in inside if isinstance(it, BaseException)]
