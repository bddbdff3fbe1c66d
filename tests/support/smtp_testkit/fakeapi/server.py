# SPDX-License-Identifier: Apache-2.0
"""The server: a queue of responses for each method and path, and a record of all requests."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class ReceivedRequest:
    """A received request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    time: float
    """Time of the event loop's clock."""


@dataclass(frozen=True)
class Answer:
    """A whole response; `body` is sent as JSON, bytes as they are. `cut` breaks the connection instead."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class Stream:
    """A watch response; the test sends its lines."""

    def __init__(self, *lines: Any) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.open = asyncio.Event()
        self.say(*lines)

    def say(self, *lines: Any) -> None:
        """Send lines of JSON."""
        for line in lines:
            self._pieces.put_nowait(json.dumps(line).encode() + b"\n")

    def say_raw(self, piece: bytes) -> None:
        """Send bytes as they are."""
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """End the response, as a server does at the watch's timeout."""
        self._pieces.put_nowait(None)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send all queued lines until `end` is called."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.open.set()
        while (piece := await self._pieces.get()) is not None:
            await response.write(piece)
        return response


async def _unexpected(request: ReceivedRequest) -> Answer:
    return Answer(501)


class FakeApi:
    """Sends the queued responses in order, and 501 to an unexpected request."""

    def __init__(self) -> None:
        """Do not call this; use `start`."""
        self.url = ""
        self.seen: list[ReceivedRequest] = []
        self.otherwise: Callable[[ReceivedRequest], Awaitable[Answer]] = _unexpected
        """Returns the response to a request that has neither a queued nor a standing one."""
        self._answers: defaultdict[tuple[str, str], deque[Answer | Stream]] = defaultdict(deque)
        self._standing: dict[tuple[str, str], Answer] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["FakeApi"]:
        """Serve on a free port of 127.0.0.1 for the block."""
        api = cls()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", api._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield api
        finally:
            await runner.cleanup()

    def on(self, method: str, path: str, *answers: Answer | Stream) -> None:
        """Queue responses; a request with `watch=true` counts as method `WATCH`."""
        self._answers[method, path].extend(answers)

    def always(self, method: str, path: str, answer: Answer) -> None:
        """Set the response for requests without a queued one."""
        self._standing[method, path] = answer

    def asked(self, method: str, path: str) -> list[ReceivedRequest]:
        """Return the requests with this method and path so far."""
        return [it for it in self.seen if (it.method, it.path) == (method, path)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = "WATCH" if request.query.get("watch") == "true" else request.method
        text = await request.text()
        received = ReceivedRequest(
            method=method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=json.loads(text) if text else None,
            time=asyncio.get_running_loop().time(),
        )
        self.seen.append(received)
        queue = self._answers[method, request.path]
        answer = queue.popleft() if queue else self._standing.get((method, request.path))
        if answer is None:
            answer = await self.otherwise(received)
        if isinstance(answer, Stream):
            return await answer.serve(request)
        if answer.cut and request.transport is not None:
            request.transport.abort()
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return web.Response(
            status=answer.status, body=body, headers=answer.headers, content_type="application/json"
        )
