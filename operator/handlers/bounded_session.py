# SPDX-License-Identifier: Apache-2.0
"""Provide the HTTP session with which kopf lists and watches.

It reads only needed fields of long objects, and passes the events on. kopf sees no object, only the
version from which it continues a broken watch.
"""

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType

from smtp_operator.api.objects import JsonObject
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.bodies import SHORT, BodyTooLong, Part, read_body, read_lines
from smtp_operator.cluster.client import PAGE_BYTES, tls_context
from smtp_operator.cluster.json_bodies import decoded
from smtp_operator.cluster.kept_fields import OURS, change_of, page_of
from smtp_operator.cluster.long_objects import LongObjects, resource_of
from smtp_operator.handlers.event_filter import EventFilter

_CHANGE: Final = change_of(OURS)
_PAGE: Final = page_of(OURS)
_CHANGES: Final = frozenset(("ADDED", "MODIFIED", "DELETED"))


def bounded_session(
    access: Access, authorization: str | None, long_objects: LongObjects, event_filter: EventFilter
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
        middlewares=[_Bounds(long_objects, event_filter)],
    )


class _Response(aiohttp.ClientResponse):
    """A response whose body may already have been read and parsed."""

    found: JsonObject | None = None

    async def json(self, *words: Any, **options: Any) -> Any:
        return await super().json(*words, **options) if self.found is None else self.found


class _Bounds:
    """Middleware that reads lists, and the lines of watches, for kopf."""

    def __init__(self, long_objects: LongObjects, event_filter: EventFilter) -> None:
        self._long_objects = long_objects
        self._event_filter = event_filter

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: ClientHandlerType
    ) -> aiohttp.ClientResponse:
        query = request.url.query
        if resource_of(request.url.path) not in self._event_filter.sinks:
            return await handler(request)
        if query.get("watch") == "true":
            response = await handler(request)
            if response.status < 400:
                changes = _Changes(response.content, request.url.path, self._long_objects, self._event_filter)
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
            self._event_filter.listed(resource_of(request.url.path), _items_of(page))
            cast(_Response, response).found = page | {"items": []}
            return response


class _Changes:
    """Lines of a watch, reduced for kopf; the part of ``aiohttp.StreamReader`` that kopf uses."""

    def __init__(
        self,
        content: aiohttp.StreamReader,
        path: str,
        long_objects: LongObjects,
        event_filter: EventFilter,
    ) -> None:
        self._content = content
        self._path = path
        self._resource = resource_of(path)
        self._long_objects = long_objects
        self._event_filter = event_filter

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """Handle the events, and yield a bookmark for each one that mattered; yield other lines as they are.

        kopf continues a broken watch at the last line that it saw: at most a minute back, because the API
        server sends a bookmark each minute. The events that are then sent again do not matter again.
        """
        try:
            async for part in read_lines(self._content, keep=_CHANGE):
                line = self._handled(part)
                if line is not None:
                    yield line
        except (ValueError, AttributeError, KeyError, TypeError):
            raise aiohttp.ClientPayloadError("a line of the watch is not an event") from None

    def _handled(self, part: Part) -> bytes | None:
        """Handle a line, and return what kopf needs of it."""
        change = decoded(part.content)
        object_ = change.get("object")
        if part.size > SHORT:
            self._long_objects.note(self._path, part.size, object_)
            if object_ is None:
                return None
        if change["type"] not in _CHANGES:
            return part.content.rstrip(b"\n") + b"\n"
        mattered = self._event_filter.handle(self._resource, change["type"], object_)
        return _bookmark(object_["metadata"]["resourceVersion"]) if mattered else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)


def _bookmark(version: str) -> bytes:
    return b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%s"}}}\n' % version.encode()


def _items_of(page: Any) -> list[JsonObject]:
    """Return the objects without managedFields: nothing reads these, and they take most of the memory."""
    if not isinstance(page, dict):
        raise aiohttp.ClientPayloadError("the response is not a list")
    items = [item for item in page.get("items") or () if isinstance(item, dict)]
    for item in items:
        item["metadata"].pop("managedFields", None)
    return items
