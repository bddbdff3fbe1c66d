# SPDX-License-Identifier: Apache-2.0
"""HTTPS to token endpoints and vaults, over ``requests`` in threads of its own.

Whoever writes a URL into an object must not learn or reach more by it than the policy of destinations
allows: names are resolved first, their addresses judged and connected to as such; nothing is followed;
neither environment nor .netrc is read. An answer is small and comes in time, or there is none.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from smtp_operator.network.destination import Address, DestinationPolicy
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.network.resolver import NameInvalid, NameNotFound, NameServersFailed, Resolver
from smtp_operator.network.tls import ClientCertificate, client_context
from smtp_operator.secrets.https_errors import (
    HttpsError,
    Trouble,
    error_of,
)
from smtp_operator.secrets.turns import Turns

_SLICE: Final = 0.5
"""Seconds after which a thread that waits for bytes looks whether it still should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsLimits:
    """In seconds and bytes."""

    resolve: float = 5.0
    connect: float = 5.0
    """For each address, the TLS handshake included."""
    read: float = 10.0
    """Between two packets."""
    total: float = 20.0
    """From the first connection to the last byte."""
    size: int = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``url`` keeps the rules of ``tokenUrl``, and may have a query, escaped as it is sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    ca_pem: str | None = None
    """PEM bundle that alone is trusted; None: the system's CAs."""
    client_certificate: ClientCertificate | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 443


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; a redirect is not followed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)


class Https:
    """Sends requests, each server's in turn. Close it when done."""

    def __init__(
        self,
        *,
        policy: DestinationPolicy,
        resolver: Resolver,
        limits: HttpsLimits | None = None,
        proxy: HttpsProxy | None = None,
        threads: int = 128,
    ) -> None:
        """``proxy``: by which hosts are reached that it is for; the environment's never is."""
        self._proxy = proxy
        self._policy = policy
        self._resolver = resolver
        self._limits = limits or HttpsLimits()
        # Of its own, so that endpoints which hang are in nobody else's way; made as they are needed.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="https")
        self._turns = Turns(threads)
        self._closed = threading.Event()

    async def send(self, request: Request) -> Answer:
        """The answer.

        Raises:
            HttpsError: there is none; it says why.
            CaBundleInvalid, ClientCertificateInvalid: of what the request brings.
        """
        host, port = request.place
        if not self._policy.allows_port(port):
            raise HttpsError(Trouble.PORT_NOT_ALLOWED, host, port)
        if self._proxy is not None and self._proxy.is_for(host):
            await self._judge_as_far_as_known(host, port)
            job = partial(_send_by_proxy, request, self._proxy.url, self._limits, self._closed)
        else:
            addresses = await self._addresses(host, port)
            job = partial(_send, request, addresses, self._limits, self._closed)
        loop = asyncio.get_running_loop()
        return await self._turns.run((host, port), lambda: loop.run_in_executor(self._threads, job))

    async def _judge_as_far_as_known(self, host: str, port: int) -> None:
        """What DNS here cannot say the proxy finds out, and its own rules then decide."""
        try:
            await self._addresses(host, port)
        except HttpsError as error:
            if error.trouble is Trouble.ADDRESS_NOT_ALLOWED:
                raise

    async def _addresses(self, host: str, port: int) -> tuple[Address, ...]:
        try:
            found = await self._resolver.addresses(host, limit=self._limits.resolve)
        except (NameNotFound, NameInvalid):
            raise HttpsError(Trouble.HOST_NOT_FOUND, host, port) from None
        except NameServersFailed:
            raise HttpsError(Trouble.DNS_FAILED, host, port) from None
        except TimeoutError:
            raise HttpsError(Trouble.DNS_SILENT, host, port, seconds=self._limits.resolve) from None
        allowed = tuple(filter(self._policy.allows, found))
        if not allowed:
            raise HttpsError(Trouble.ADDRESS_NOT_ALLOWED, host, port, addresses=found[:1])
        return allowed

    def close(self) -> None:
        """Start nothing any more, and have what waits for bytes give up."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Bounds(threading.local):
    """What the thread at work may still take; set for each request."""

    deadline = 0.0
    read = 0.0
    closed: threading.Event | None = None

    def begin(self, limits: HttpsLimits, closed: threading.Event) -> None:
        """A request starts now."""
        self.deadline = time.monotonic() + limits.total
        self.read = limits.read
        self.closed = closed


_bounds: Final = _Bounds()


def _patiently(waiting: socket.socket, receive: Callable[[], int]) -> int:
    """Reads until the thread's deadline: a server that sends a byte now and then gains nothing by it."""
    before = waiting.gettimeout()
    until = min(_bounds.deadline, time.monotonic() + _bounds.read)
    try:
        while (left := until - time.monotonic()) > 0 and not (_bounds.closed and _bounds.closed.is_set()):
            waiting.settimeout(min(left, _SLICE))
            try:
                return receive()
            except TimeoutError:
                continue
    finally:
        waiting.settimeout(before)
    raise TimeoutError


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        return _patiently(self, lambda: ssl.SSLSocket.recv_into(self, buffer, nbytes, flags))


class _PlainSocket(socket.socket):
    """By which a proxy is asked for a tunnel."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        return _patiently(self, lambda: socket.socket.recv_into(self, buffer, nbytes, flags))


class _Connection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        found = super()._new_conn()
        timeout = found.gettimeout()
        bounded = _PlainSocket(found.family, found.type, found.proto, found.detach())
        bounded.settimeout(timeout)
        return bounded


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    """Connects to one address as the host that the URL names, with our context and nothing added to it."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._context = context
        self._host = host
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(
            connections,
            maxsize,
            block,
            ssl_context=self._context,
            server_hostname=self._host,
            **pool_kwargs,
        )

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(
            proxy, ssl_context=self._context, server_hostname=self._host, **proxy_kwargs
        )
        manager.pool_classes_by_scheme = {"https": _Pool}
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        # Else requests would load a public bundle into the context, whatever CA was asked for.
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


def _context(request: Request) -> ssl.SSLContext:
    context = client_context(request.ca_pem, client_certificate=request.client_certificate)
    context.post_handshake_auth = True  # IIS asks for the client's certificate once it has read the path
    context.sslsocket_class = _TlsSocket
    return context


def _send(
    request: Request, addresses: tuple[Address, ...], limits: HttpsLimits, closed: threading.Event
) -> Answer:
    """Blocks, for ``limits.total`` seconds at most."""
    _bounds.begin(limits, closed)
    host, port = request.place
    context = _context(request)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", _Adapter(context, host.removesuffix(".")))
        errors: dict[Address, HttpsError] = {}
        for address in addresses:
            literal = f"[{address}]" if address.version == 6 else str(address)
            try:
                return _exchange(session, request, literal, limits)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                errors[address] = error_of(error, host, port, addresses, limits.total)
                if not errors[address].before_request or time.monotonic() >= _bounds.deadline:
                    break
    raise list(errors.values())[-1] from None


def _send_by_proxy(request: Request, proxy: str, limits: HttpsLimits, closed: threading.Event) -> Answer:
    """Blocks, for ``limits.total`` seconds at most."""
    _bounds.begin(limits, closed)
    host, port = request.place
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": proxy}
        session.mount("https://", _Adapter(_context(request), host.removesuffix(".")))
        try:
            return _exchange(session, request, f"[{host}]" if ":" in host else host, limits)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise error_of(error, host, port, (), limits.total, proxy=proxy) from None


def _exchange(session: requests.Session, request: Request, literal: str, limits: HttpsLimits) -> Answer:
    """``literal`` is the host or address to connect to, IPv6 in brackets."""
    parts = urlsplit(request.url)
    left = max(_bounds.deadline - time.monotonic(), 0.001)
    response = session.request(
        request.method,
        urlunsplit(("https", f"{literal}:{parts.port or 443}", parts.path or "/", parts.query, "")),
        data=request.body,
        headers={
            "User-Agent": "smtp-operator",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **request.headers,
            "Host": parts.netloc,
        },
        timeout=(min(limits.connect, left), min(limits.read, left)),
        allow_redirects=False,
        stream=True,
    )
    try:
        body = bytearray()
        for piece in response.raw.stream(8192, decode_content=False):
            body += piece
            if len(body) > limits.size:
                host, port = request.place
                raise HttpsError(Trouble.TOO_LARGE, host, port, size=limits.size)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, bytes(body))
    finally:
        response.close()
