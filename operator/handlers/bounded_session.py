# SPDX-License-Identifier: Apache-2.0
"""Provide the HTTP session with which kopf lists and watches; it reads only needed fields of long objects.

kopf itself reads a whole page or line of a watch, parses it and keeps it until its handler is done.
"""

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType

from smtp_operator.api.objects import JsonObject
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.bodies import SHORT, BodyTooLong, read_body, read_lines
from smtp_operator.cluster.client import PAGE_BYTES, tls_context
from smtp_operator.cluster.json_bodies import decoded
from smtp_operator.cluster.kept_fields import OURS, change_of, page_of
from smtp_operator.cluster.long_objects import LongObjects

_CHANGE: Final = change_of(OURS)
_PAGE: Final = page_of(OURS)


def bounded_session(
    access: Access, authorization: str | None, long_objects: LongObjects
) -> aiohttp.ClientSession:
    """Return a session with these credentials; ``long_objects`` records each long object."""
    configuration = access.configuration
    headers = {
        "User-Agent": f"smtp-operator/{version('smtp-operator')}",
        "Accept-Encoding": "identity",  # the size of a compressed body is unknown until unpacked
    }
    if authorization is not None:
        headers["Authorization"] = authorization
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls_context(configuration)),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=configuration.proxy or None,
        trust_env=False,
        response_class=_Response,
        middlewares=[_Bounds(long_objects)],
    )


class _Response(aiohttp.ClientResponse):
    """A response whose body may already have been read and parsed."""

    found: JsonObject | None = None

    async def json(self, *words: Any, **options: Any) -> Any:
        return await super().json(*words, **options) if self.found is None else self.found


class _Bounds:
    """Middleware that reads lists, and the lines of watches, for kopf."""

    def __init__(self, long_objects: LongObjects) -> None:
        self._long_objects = long_objects

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: ClientHandlerType
    ) -> aiohttp.ClientResponse:
        query = request.url.query
        if query.get("watch") == "true":
            response = await handler(request)
            if response.status < 400:
                changes = _Changes(response.content, request.url.path, self._long_objects)
                response.content = cast(aiohttp.StreamReader, changes)
            return response
        if not query.get("limit", "").isdecimal():
            return await handler(request)
        return await self._listed(request, handler, int(query["limit"]))

    async def _listed(
        self, request: aiohttp.ClientRequest, handler: ClientHandlerType, limit: int
    ) -> aiohttp.ClientResponse:
        """Return the response to a request for a page; a page that is too long is split."""
        while True:
            request.url = request.url.update_query(limit=str(limit))
            response = await handler(request)
            if response.status >= 400:
                return response
            alone = limit == 1
            try:
                part = await read_body(
                    response.content, keep=_PAGE if alone else None, whole=SHORT if alone else PAGE_BYTES
                )
                page = decoded(part.content)
            except BodyTooLong:
                response.close()
                limit = max(1, limit // 8)
                continue
            except ValueError:
                response.close()
                raise aiohttp.ClientPayloadError("the response is not JSON") from None
            except BaseException:
                response.close()
                raise
            if alone:
                self._long_objects.note(request.url.path, part.size, page)
            cast(_Response, response).found = _without_writers(page)
            return response


class _Changes:
    """Lines of a watch, reduced to the needed fields; the part of ``aiohttp.StreamReader`` that kopf uses."""

    def __init__(self, content: aiohttp.StreamReader, path: str, long_objects: LongObjects) -> None:
        self._content = content
        self._path = path
        self._long_objects = long_objects

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Yield each line."""
        try:
            async for part in read_lines(self._content, keep=_CHANGE):
                if part.size <= SHORT:
                    yield part.content
                    continue
                shown = decoded(part.content).get("object")
                self._long_objects.note(self._path, part.size, shown)
                if shown is not None:
                    yield part.content + b"\n"
        except (ValueError, AttributeError):
            raise aiohttp.ClientPayloadError("a line of the watch is not an event") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


def _without_writers(page: Any) -> JsonObject:
    """Remove managedFields, which nothing reads, and which take more memory than all other fields."""
    if not isinstance(page, dict):
        raise aiohttp.ClientPayloadError("the response is not a list")
    page["items"] = [item for item in page.get("items") or () if isinstance(item, dict)]
    for item in page["items"]:
        item["metadata"].pop("managedFields", None)
    return page
