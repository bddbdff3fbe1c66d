# SPDX-License-Identifier: Apache-2.0
"""Azure's SDK over our HTTPS, with our destination policy and limits.

Imported only if an Azure vault is used, since azure.core is large. Errors of ``HttpsSender`` pass through
the SDK unchanged, so that messages do not depend on the SDK's classes and texts.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import case_insensitive_dict

from smtp_operator.network.https import HttpsRequest, HttpsResponse, HttpsSender
from smtp_operator.network.trust import ServerTrust

_OURS = frozenset({"host", "content-length", "user-agent", "connection", "accept-encoding"})


class ResponseRejected(Exception):
    """An answer that the SDK cannot use; the exception's text is only the status."""

    def __init__(self, answer: HttpsResponse) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class PlainHttpRefused(Exception):
    """The SDK tried HTTP without TLS to a host other than the machine's metadata service."""


class Response(AsyncHttpResponse):
    """An answer that is already in memory."""

    def __init__(self, request: HttpRequest, answer: HttpsResponse) -> None:
        self._request = request
        self.answer = answer
        self._headers = case_insensitive_dict(answer.headers)

    @property
    def request(self) -> HttpRequest:
        """Return the request."""
        return self._request

    @property
    def url(self) -> str:
        """Return the URL of the request."""
        return self._request.url

    @property
    def status_code(self) -> int:
        """Return the HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Return the headers; names are case-insensitive."""
        return self._headers

    @property
    def reason(self) -> str:
        """Return the standard phrase of the status, not the server's text."""
        return HTTPStatus(self.answer.status).phrase if self.answer.status in set(HTTPStatus) else ""

    @property
    def content_type(self) -> str:
        """Return JSON regardless of the header: all answers of these services are JSON."""
        return "application/json"

    @property
    def is_closed(self) -> bool:
        """Return True: no connection is open."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """Return True: the body is read completely."""
        return True

    @property
    def encoding(self) -> str | None:
        """Return UTF-8, the encoding of JSON."""
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        """Ignore the value: the encoding stays UTF-8."""

    @property
    def content(self) -> bytes:
        """Return the body."""
        return self.answer.body

    def text(self, encoding: str | None = None) -> str:
        """Return the body as text."""
        return self.answer.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; raise ValueError if it is not JSON."""
        return json.loads(self.answer.body)

    def raise_for_status(self) -> None:
        """Raise HttpResponseError for status 400 and above."""
        if self.answer.status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        """Return the body."""
        return self.answer.body

    async def iter_raw(self, **kwargs: Any) -> AsyncIterator[bytes]:
        """Yield the body in one piece."""
        yield self.answer.body

    async def iter_bytes(self, **kwargs: Any) -> AsyncIterator[bytes]:
        """Yield the body in one piece."""
        yield self.answer.body

    async def close(self) -> None:
        """Do nothing: no connection is open."""

    async def __aexit__(self, *error: object) -> None:
        """Do nothing: no connection is open."""


class Transport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends the SDK's requests with ``sender``, or with ``metadata`` for the metadata service.

    ``accepts`` decides whether an answer is passed to the SDK.
    """

    def __init__(
        self,
        sender: HttpsSender,
        *,
        trust: ServerTrust,
        accepts: Callable[[HttpsResponse], bool],
        metadata: Callable[[str, Mapping[str, str]], Awaitable[HttpsResponse | None]] | None = None,
    ) -> None:
        """``metadata`` takes URL and headers; it returns None if the URL is not the service's."""
        self._sender = sender
        self._trust = trust
        self._accepts = accepts
        self._metadata = metadata

    async def send(self, request: HttpRequest, **kwargs: Any) -> Response:
        """Send a request and return the answer, of any status.

        Raises:
            HttpsError, CaBundleInvalid: there is no answer.
            ResponseRejected: the answer must not be passed to the SDK.
            PlainHttpRefused
        """
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
        if urlsplit(request.url).scheme == "https":
            asked = HttpsRequest(
                method=request.method,
                url=request.url,
                headers=headers,
                body=_body(request),
                trust=self._trust,
            )
            answer = await self._sender.send(asked)
        else:
            found = await self._metadata(request.url, headers) if self._metadata else None
            if found is None:
                raise PlainHttpRefused
            answer = found
        if not self._accepts(answer):
            raise ResponseRejected(answer)
        return Response(request, answer)

    async def open(self) -> None:
        """Do nothing: no connection is kept open."""

    async def close(self) -> None:
        """Do nothing: no connection is open."""

    async def __aenter__(self) -> "Transport":
        """Return self."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Do nothing: no connection is open."""


def _body(request: HttpRequest) -> bytes | None:
    content = request.content
    if isinstance(content, dict):
        return urlencode(content).encode()
    if isinstance(content, str):
        return content.encode()
    return bytes(content) if content else None
