# SPDX-License-Identifier: Apache-2.0
"""HTTPS to token endpoints and vaults, with ``requests`` in dedicated threads.

A URL in an object must not reach more than the destination policy allows. So names are resolved first, and
the operator connects to the checked addresses. Redirects are not followed; the environment and .netrc are
not read. An answer that is too large or too slow is an error.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakValueDictionary

import requests
import urllib3

from smtp_operator.network.bounded_sockets import AnswerTooLarge, TlsSocket, bounds
from smtp_operator.network.destination import Address, DestinationPolicy
from smtp_operator.network.host_limiter import PerHostLimiter
from smtp_operator.network.https_connection import Adapter
from smtp_operator.network.https_errors import ErrorKind, HttpsError, error_of
from smtp_operator.network.proxy import HttpsProxy
from smtp_operator.network.resolver import NameInvalid, NameNotFound, NameServersFailed, Resolver
from smtp_operator.network.tls import ClientCertificate, client_context
from smtp_operator.network.trust import DEFAULT_TRUST, ServerTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsLimits:
    """Limits in seconds and bytes."""

    resolve: float = 5.0
    connect: float = 5.0
    """For each address, including the TLS handshake."""
    read: float = 10.0
    """Between two packets."""
    total: float = 20.0
    """From the first connection to the last byte."""
    size: int = 64 * 1024
    """Limit of the whole answer: headers, interim answers, framing, body and trailers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsRequest:
    """An HTTPS request. ``url`` follows the rules of ``tokenUrl`` and may have an escaped query."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    trust: ServerTrust = DEFAULT_TRUST
    client_certificate: ClientCertificate | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Return host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 443


@dataclass(frozen=True, slots=True)
class HttpsResponse:
    """An answer of any status; redirects are not followed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)


class HttpsSender(Protocol):
    """Sends HTTPS requests within the size and time limits and the destination policy."""

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """Send a request and return the answer of any status; raise HttpsError if there is none."""
        ...


class Https:
    """Sends requests, limited per server. Close it when done."""

    def __init__(
        self,
        *,
        policy: DestinationPolicy,
        resolver: Resolver,
        limits: HttpsLimits | None = None,
        proxy: HttpsProxy | None = None,
        threads: int = 128,
        ca_file: str | None = None,
    ) -> None:
        """``proxy`` is the only proxy that is used; the environment's proxies are ignored.

        ``threads`` bounds the answers in memory: one per thread, each at most ``limits.size`` bytes.

        ``ca_file`` is the PEM text of ``--ca-file``.
        """
        self._proxy = proxy
        self._policy = policy
        self._resolver = resolver
        self._limits = limits or HttpsLimits()
        # A dedicated pool, so that hanging endpoints do not delay anything else; threads start on demand.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="https")
        self._limiter = PerHostLimiter(threads)
        self._closed = False
        self._running: set[threading.Event] = set()
        """Events of the requests in progress; a set event stops the thread of its request."""
        self._contexts = _Contexts(ca_file)

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """Send a request and return the answer.

        Raises:
            HttpsError: there is no answer; the error has the cause.
            CaBundleInvalid, ClientCertificateInvalid: the request's CA bundle or certificate is invalid.
        """
        host, port = request.place
        if not self._policy.allows_port(port):
            raise HttpsError(ErrorKind.PORT_NOT_ALLOWED, host, port)
        # The proxy gets the checked address: it could resolve the name to a different one.
        addresses = await self._addresses(request)
        proxy = self._proxy.url if self._proxy is not None and self._proxy.is_for(host) else ""
        stop = threading.Event()
        job = partial(_send, request, addresses, self._limits, stop, self._contexts, proxy=proxy)
        try:
            return await self._limiter.run((host, port), partial(self._run, job, stop))
        except asyncio.CancelledError:
            stop.set()  # no one waits for the answer
            raise

    async def _run(self, job: Callable[[], HttpsResponse], stop: threading.Event) -> HttpsResponse:
        self._running.add(stop)
        if self._closed:
            stop.set()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        except HttpsError:
            if stop.is_set() and not self._closed:
                raise asyncio.CancelledError from None  # otherwise the server would count as hanging
            raise
        finally:
            self._running.discard(stop)

    async def _addresses(self, request: HttpsRequest) -> tuple[Address, ...]:
        host, port = request.place
        bound = request.trust.absolute_name
        try:
            found = await self._resolver.addresses(host, limit=self._limits.resolve, absolute=bound)
        except (NameNotFound, NameInvalid):
            raise HttpsError(ErrorKind.HOST_NOT_FOUND, host, port, bound=bound) from None
        except NameServersFailed:
            raise HttpsError(ErrorKind.DNS_FAILED, host, port) from None
        except TimeoutError:
            raise HttpsError(ErrorKind.DNS_SILENT, host, port, seconds=self._limits.resolve) from None
        allowed = tuple(filter(self._policy.allows, found))
        if not allowed:
            raise HttpsError(ErrorKind.ADDRESS_NOT_ALLOWED, host, port, addresses=found[:1])
        return allowed

    def close(self) -> None:
        """Start no more requests, and cancel those that wait for data."""
        self._closed = True
        for stop in self._running:
            stop.set()
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Contexts:
    """TLS contexts of the requests in progress; requests with the same trust settings share one.

    The system's CAs take a megabyte in each context, and a request holds its context until its server
    answers.
    """

    def __init__(self, ca_file: str | None) -> None:
        """``ca_file`` is the PEM text of ``--ca-file``."""
        self._ca_file = ca_file
        self._shared: WeakValueDictionary[
            tuple[str | None, bool, ClientCertificate | None], ssl.SSLContext
        ] = WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, request: HttpsRequest) -> ssl.SSLContext:
        """Return the context for this request; raise CaBundleInvalid or ClientCertificateInvalid."""
        with_system = request.trust.not_admitted is not None
        key = request.trust.ca_pem, with_system, request.client_certificate
        with self._lock:
            context = self._shared.get(key)
            if context is None:
                context = client_context(
                    request.trust.ca_pem,
                    client_certificate=request.client_certificate,
                    with_system=with_system,
                    ca_file=self._ca_file,
                )
                context.post_handshake_auth = True  # IIS asks for the certificate once it has read the path
                context.sslsocket_class = TlsSocket
                self._shared[key] = context
            return context


def _send(
    request: HttpsRequest,
    addresses: tuple[Address, ...],
    limits: HttpsLimits,
    stop: threading.Event,
    contexts: _Contexts,
    *,
    proxy: str,
) -> HttpsResponse:
    """Send a request; blocks for at most ``limits.total`` seconds, or until ``stop`` is set.

    ``proxy`` is its URL, or empty.
    """
    bounds.begin(total=limits.total, read=limits.read, size=limits.size, stop=stop)
    host, port = request.place
    with closing(Adapter(contexts.of(request), host.removesuffix("."))) as adapter:
        errors: dict[Address, HttpsError] = {}
        for address in addresses:
            literal = f"[{address}]" if address.version == 6 else str(address)
            try:
                return _exchange(adapter, request, literal, limits, proxy)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                errors[address] = error_of(
                    error,
                    host,
                    port,
                    addresses,
                    limits.total,
                    proxy=proxy,
                    not_admitted=request.trust.not_admitted,
                )
                if not errors[address].before_request or bounds.seconds_left <= 0 or stop.is_set():
                    break
    raise list(errors.values())[-1] from None


def _exchange(
    adapter: Adapter, request: HttpsRequest, literal: str, limits: HttpsLimits, proxy: str
) -> HttpsResponse:
    """Send a request to one address. ``literal`` is this address, with brackets for IPv6.

    This does not use ``requests.Session``: even without following redirects, it reads and unpacks the body
    of a redirect, and it parses cookies.
    """
    parts = urlsplit(request.url)
    left = max(bounds.seconds_left, 0.001)
    prepared = requests.Request(
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
    ).prepare()
    try:
        response = adapter.send(
            prepared,
            stream=True,
            timeout=(min(limits.connect, left), min(limits.read, left)),
            proxies={"https": proxy} if proxy else None,
        )
        try:
            body = bytearray()
            for piece in response.raw.stream(8192, decode_content=False):
                body += piece
        finally:
            response.close()
    except AnswerTooLarge:
        host, port = request.place
        raise HttpsError(ErrorKind.TOO_LARGE, host, port, size=limits.size) from None
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpsResponse(response.status_code, headers, bytes(body))
