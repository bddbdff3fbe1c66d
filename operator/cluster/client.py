# SPDX-License-Identifier: Apache-2.0
"""Send HTTP requests with JSON bodies to the API server, with the configuration of the official client.

The official client itself copies and scans each body and header several times, which takes longer than the
request.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from smtp_operator.api.errors import ApiUnavailable, ClusterError
from smtp_operator.api.objects import JsonObject
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.bodies import SHORT, BodyTooLong, Part, read_body, read_lines
from smtp_operator.cluster.errors import ClusterUnknown, error_of
from smtp_operator.cluster.json_bodies import decoded, encoded
from smtp_operator.cluster.json_filter import Keep
from smtp_operator.cluster.kept_fields import METADATA as KEPT_METADATA
from smtp_operator.cluster.kept_fields import change_of, page_of
from smtp_operator.cluster.long_objects import LongObjects
from smtp_operator.cluster.traffic import ApiTraffic, Uncounted

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

PAGE_SIZE: Final = 100

_LONGEST: Final = 4 * 1024 * 1024
"""Maximum size in bytes of a response or a line that is read whole."""

PAGE_BYTES: Final = 1024 * 1024
"""Maximum size in bytes of a page of several objects; a longer page is requested again with fewer objects."""

_LONG_ANSWERS: Final = 2
"""Maximum number of responses of more than 64 KiB that are read at a time: a few megabytes each."""

Query = Sequence[tuple[str, str]]

_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
"""A path that needs no encoding and has no ``..``."""


class AnswerTooLong(ApiUnavailable):
    """The response is longer than expected."""


class _Request(NamedTuple):
    method: str
    path: str
    query: Query
    accept: str
    timeout: aiohttp.ClientTimeout
    body: Mapping[str, Any] | None = None
    content_type: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class KubernetesClient:
    """A connection pool to one API server. Close it when done."""

    def __init__(self, access: Access, traffic: ApiTraffic | None = None) -> None:
        """Create a client in a running event loop; ``traffic`` counts every request.

        Raises:
            ClusterUnknown: a certificate or key of the access is unusable.
        """
        self.access = access
        self.traffic = traffic or Uncounted()
        try:
            plaintext = self.server.startswith("http:")  # reading the system's CAs takes about 10 ms
            context = True if plaintext else tls_context(access.configuration)
        except (OSError, ssl.SSLError) as error:
            raise ClusterUnknown(f"{access.origin}: its certificates cannot be read ({error})") from error
        self._session = aiohttp.ClientSession(
            # Watches hold their connections permanently; the controller bounds the rest.
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            headers=[
                ("User-Agent", f"smtp-operator/{version('smtp-operator')}"),
                ("Accept-Encoding", "identity"),  # the size of a compressed body is unknown until unpacked
                *access.headers,
            ],
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy must not see API traffic
        )
        self._long_objects = LongObjects(self.traffic)
        self._long_answers = asyncio.Semaphore(_LONG_ANSWERS)

    @property
    def server(self) -> str:
        """Return the URL of the API server."""
        return str(self.access.configuration.host)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def identity(self) -> str:
        """Return the username that the API server knows this client by.

        Raises:
            ClusterError: the API server did not return it.
        """
        review = await self.request(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        return str(review.get("status", {}).get("userInfo", {}).get("username", "unknown"))

    async def addresses(self) -> frozenset[str]:
        """Return the current IP addresses of the API server's name; empty if it does not resolve."""
        host = urlsplit(self.server)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host.hostname, host.port or 443)
        except OSError:
            return frozenset()
        return frozenset(str(address[0]) for *_, address in found)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = 30.0,
        keep: Keep | None = None,
    ) -> JsonObject:
        """Return the response as JSON.

        Args:
            method: such as ``PATCH``.
            path: such as ``/api/v1/secrets``.
            query: names and values, not yet encoded.
            body: sent as JSON.
            content_type: of the body.
            accept: the requested media type, such as ``METADATA``.
            timeout: for the whole request, in seconds.
            keep: fields to read of a response of more than 64 KiB; None: all, up to 4 MiB.

        Raises:
            ClusterError: the subclass for the HTTP status; ApiUnavailable if there is no response.
        """
        asked = _Request(
            method, path, query, accept, _limits(self.access.request_timeout or timeout), body, content_type
        )
        keep = keep or (KEPT_METADATA if accept == METADATA else None)
        answer, size = await self._decoded(asked, keep, SHORT if keep else _LONGEST)
        self._long_objects.note(path, size, answer)
        return answer

    async def _decoded(self, asked: _Request, keep: Keep | None, whole: int) -> tuple[JsonObject, int]:
        """Return the object and the length of the response; only the kept fields if longer than ``whole``."""
        response = await self._answer(asked)
        try:
            part = await _body_of(response, keep, whole, self._long_answers)
            answer = decoded(part.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable(asked, error) from error
        except BodyTooLong as error:
            raise AnswerTooLong(f"{asked}: {error}") from None
        except ValueError:
            raise ApiUnavailable(f"{asked}: the response is not JSON") from None
        if not isinstance(answer, dict):
            raise ApiUnavailable(f"{asked}: the response is not an object")
        return answer, part.size

    async def pages(
        self,
        path: str,
        *,
        query: Query = (),
        accept: str = JSON,
        page_size: int = PAGE_SIZE,
        keep: Keep | None = None,
    ) -> AsyncIterator[JsonObject]:
        """Yield the pages of a list, one in memory at a time; all have one resourceVersion.

        A page of more than 1 MiB is requested again with fewer objects. ``keep`` selects the fields that are
        read of an object that is too long even alone; None: all, up to 4 MiB.

        Raises:
            ListExpired: the caller must start the list again.
            ClusterError: see ``request``.
        """
        following, limit = "", page_size
        while True:
            cursor = [("limit", str(limit)), *([("continue", following)] if following else [])]
            asked = _Request("GET", path, [*query, *cursor], accept, _limits(30.0))
            alone = limit == 1
            kept = page_of(keep) if alone and keep is not None else None
            whole = PAGE_BYTES if not alone else _LONGEST if kept is None else SHORT
            try:
                page, size = await self._decoded(asked, kept, whole)
            except AnswerTooLong:
                if alone:
                    raise
                limit = max(1, limit // 8)
                continue
            if alone:
                self._long_objects.note(path, size, page)
            following = str(page.get("metadata", {}).get("continue") or "")
            yield page
            if not following:
                return
            if size < PAGE_BYTES // 4:
                limit = min(page_size, limit * 4)

    @asynccontextmanager
    async def lines(
        self, path: str, *, query: Query, accept: str, silence: float, keep: Keep | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch and yield its lines until the server ends it.

        Args:
            path: of the list.
            query: ``watch=true`` and so on.
            accept: such as ``METADATA``.
            silence: seconds without a byte after which the connection counts as lost.
            keep: fields to read of an object in a line of more than 64 KiB; None: all, up to 4 MiB.

        Raises:
            ClusterError: see ``request``; ApiUnavailable also if the connection breaks or falls silent.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=silence)
        asked = _Request("GET", path, query, accept, limits)
        response = await self._answer(asked)
        try:
            yield self._lines_of(response, asked, keep)
        finally:
            _break_off(response)

    async def _lines_of(
        self, response: aiohttp.ClientResponse, asked: _Request, keep: Keep | None
    ) -> AsyncIterator[bytes]:
        kept = None if keep is None else change_of(keep)
        parts = read_lines(response.content, keep=kept, whole=_LONGEST if kept is None else SHORT)
        try:
            async for part in parts:
                if part.size <= SHORT or self._is_usable(asked, part):
                    yield part.content
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unavailable(asked, error) from error

    def _is_usable(self, asked: _Request, part: Part) -> bool:
        """Record a long line; return whether any of its object was kept."""
        change = decoded(part.content)
        shown = change.get("object") if isinstance(change, dict) else None
        self._long_objects.note(asked.path, part.size, shown)
        return shown is not None

    async def _answer(self, asked: _Request) -> aiohttp.ClientResponse:
        """Return a successful response with its body unread; on 401, renew the credentials and retry once."""
        response = await self._send(asked)
        if response.status == 401:
            await _error_in(response, asked)  # reading the body to its end keeps the connection
            await self.access.renew()
            response = await self._send(asked)
        if response.status >= 400:
            raise await _error_in(response, asked)
        return response

    async def _send(self, asked: _Request) -> aiohttp.ClientResponse:
        headers = {"Accept": asked.accept}
        if asked.body is not None:
            headers["Content-Type"] = asked.content_type
        authorization = await self.access.authorization()
        if authorization is not None:
            headers["Authorization"] = authorization
        configuration = self.access.configuration
        try:
            response = await self._session.request(
                asked.method,
                self._url(asked),
                data=None if asked.body is None else encoded(asked.body),
                headers=headers,
                timeout=asked.timeout,
                allow_redirects=False,  # the credentials are for this server alone
                server_hostname=configuration.tls_server_name or None,
                proxy=configuration.proxy or None,
                proxy_headers=configuration.proxy_headers,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.traffic.answered(asked.method, None)
            raise _unavailable(asked, error) from error
        self.traffic.answered(asked.method, response.status)
        return response

    def _url(self, asked: _Request) -> URL:
        try:
            server, prefix = _server_of(self.server, tuple(asked.query))
            path = f"{prefix}{asked.path}"
            return server.with_path(path, encoded=bool(_PLAIN_PATH.fullmatch(path)), keep_query=True)
        except ValueError as error:
            raise aiohttp.InvalidURL(f"{self.server}{asked.path}") from error


@lru_cache(32)
def _server_of(address: str, query: Query) -> tuple[URL, str]:
    """Return the URL of the server with a query, and the path before each path."""
    server = URL(address)
    return server.with_query(query), server.path.rstrip("/")


@lru_cache(16)
def _limits(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=10)


def tls_context(configuration: Any) -> ssl.SSLContext:
    """Return the TLS context that the official client makes from its configuration."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.disable_strict_ssl_verification:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def _body_of(
    response: aiohttp.ClientResponse,
    keep: Keep | None = None,
    whole: int = SHORT,
    turn: asyncio.Semaphore | None = None,
) -> Part:
    try:
        return await read_body(response.content, keep=keep, whole=whole, turn=turn)
    except BaseException:
        _break_off(response)  # the body was not read to its end
        raise


def _break_off(response: aiohttp.ClientResponse) -> None:
    """Close without a TLS close_notify: a dead server returns none, and the connection would stay open."""
    transport = None if response.connection is None else response.connection.transport
    response.close()
    if transport is not None:
        transport.abort()


async def _error_in(response: aiohttp.ClientResponse, asked: _Request) -> ClusterError:
    try:
        answer = decoded((await _body_of(response)).content)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        answer = None
    status = answer if isinstance(answer, dict) else {}
    return error_of(str(asked), response.status, status, response.headers.get("Retry-After"))


def _unavailable(asked: _Request, error: Exception) -> ApiUnavailable:
    if isinstance(error, TimeoutError):
        return ApiUnavailable(f"{asked}: no response in time")
    return ApiUnavailable(f"{asked}: {str(error) or type(error).__name__}")
