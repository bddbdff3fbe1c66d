# SPDX-License-Identifier: Apache-2.0
"""Azure's SDK over our HTTPS: one place for what may be connected to, and for how long.

Imported where an Azure vault is used, since azure.core is large. Errors of ``Sender`` go through the SDK as
they are, so that what is told of them does not depend on the SDK's own classes and texts.
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

from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.vaults.provider import VaultSender

_OURS = frozenset({"host", "content-length", "user-agent", "connection", "accept-encoding"})


class ResponseRejected(Exception):
    """An answer that holds nothing of use to the SDK; its own text is the status alone."""

    def __init__(self, answer: HttpsResponse) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class PlainHttpRefused(Exception):
    """The SDK wanted to speak HTTP without TLS to something else than the machine's metadata service."""


class Response(AsyncHttpResponse):
    """An answer that is in memory already."""

    def __init__(self, request: HttpRequest, answer: HttpsResponse) -> None:
        self._request = request
        self.answer = answer
        self._headers = case_insensitive_dict(answer.headers)

    @property
    def request(self) -> HttpRequest:
        """What was asked."""
        return self._request

    @property
    def url(self) -> str:
        """Where it was asked."""
        return self._request.url

    @property
    def status_code(self) -> int:
        """HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Names in any case."""
        return self._headers

    @property
    def reason(self) -> str:
        """The status in words; not the server's own."""
        return HTTPStatus(self.answer.status).phrase if self.answer.status in set(HTTPStatus) else ""

    @property
    def content_type(self) -> str:
        """JSON whatever the server says: all answers of these services are."""
        return "application/json"

    @property
    def is_closed(self) -> bool:
        """Nothing is open."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """All was read."""
        return True

    @property
    def encoding(self) -> str | None:
        """UTF-8, as JSON is."""
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        """It stays UTF-8."""

    @property
    def content(self) -> bytes:
        """The body."""
        return self.answer.body

    def text(self, encoding: str | None = None) -> str:
        """The body as text."""
        return self.answer.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body's JSON; ValueError where it is none."""
        return json.loads(self.answer.body)

    def raise_for_status(self) -> None:
        """HttpResponseError for 400 and above."""
        if self.answer.status >= 400:
            raise HttpResponseError(response=self)

    async def read(self) -> bytes:
        """The body."""
        return self.answer.body

    async def iter_raw(self, **kwargs: Any) -> AsyncIterator[bytes]:
        """The body in one piece."""
        yield self.answer.body

    async def iter_bytes(self, **kwargs: Any) -> AsyncIterator[bytes]:
        """The body in one piece."""
        yield self.answer.body

    async def close(self) -> None:
        """Nothing is open."""

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""


class Transport(AsyncHttpTransport[HttpRequest, AsyncHttpResponse]):
    """Sends what the SDK asks over ``sender``, and over ``metadata`` what is for the metadata service.

    ``judge`` says of each answer whether it is one that the SDK knows how to go on from.
    """

    def __init__(
        self,
        sender: VaultSender,
        *,
        trust: ServerTrust,
        judge: Callable[[HttpsResponse], bool],
        metadata: Callable[[str, Mapping[str, str]], Awaitable[HttpsResponse | None]] | None = None,
    ) -> None:
        """``metadata`` is given URL and headers; its None says that the URL is not the service's."""
        self._sender = sender
        self._trust = trust
        self._judge = judge
        self._metadata = metadata

    async def send(self, request: HttpRequest, **kwargs: Any) -> Response:
        """The answer, whatever its status.

        Raises:
            HttpsError, CaBundleInvalid: there is none.
            ResponseRejected: it is one that the SDK shall not see.
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
        if not self._judge(answer):
            raise ResponseRejected(answer)
        return Response(request, answer)

    async def open(self) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "Transport":
        """Itself."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""


def _body(request: HttpRequest) -> bytes | None:
    content = request.content
    if isinstance(content, dict):
        return urlencode(content).encode()
    if isinstance(content, str):
        return content.encode()
    return bytes(content) if content else None
