# SPDX-License-Identifier: Apache-2.0
"""The server: a queue of answers for each method and path, and a record of what was asked."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    time: float
    """By the clock of the event loop."""


@dataclass(frozen=True)
class Answer:
    """A whole response; `body` is sent as JSON, bytes as they are. `cut` breaks the connection instead."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


class Stream:
    """A watch: lines are said by the test, when it wants."""

    def __init__(self, *lines: Any) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.open = asyncio.Event()
        self.say(*lines)

    def say(self, *lines: Any) -> None:
        """Sends lines of JSON."""
        for line in lines:
            self._pieces.put_nowait(json.dumps(line).encode() + b"\n")

    def say_raw(self, piece: bytes) -> None:
        """Sends bytes as they are."""
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """Ends the response as a server does that has no time left for it."""
        self._pieces.put_nowait(None)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Says everything, until told to end."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.open.set()
        while (piece := await self._pieces.get()) is not None:
            await response.write(piece)
        return response


class FakeApi:
    """Answers in the order in which answers were given; an unexpected request is answered with 501."""

    def __init__(self) -> None:
        """Use `start`."""
        self.url = ""
        self.seen: list[Seen] = []
        self._answers: defaultdict[tuple[str, str], deque[Answer | Stream]] = defaultdict(deque)
        self._standing: dict[tuple[str, str], Answer] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["FakeApi"]:
        """Serves on a free port of 127.0.0.1 for as long as the block lasts."""
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
        """Queues answers; a request with `watch=true` counts as method `WATCH`."""
        self._answers[method, path].extend(answers)

    def always(self, method: str, path: str, answer: Answer) -> None:
        """What is answered where no answer is queued."""
        self._standing[method, path] = answer

    def asked(self, method: str, path: str) -> list[Seen]:
        """The requests of that method and path so far."""
        return [it for it in self.seen if (it.method, it.path) == (method, path)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = "WATCH" if request.query.get("watch") == "true" else request.method
        text = await request.text()
        self.seen.append(
            Seen(
                method=method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=json.loads(text) if text else None,
                time=asyncio.get_running_loop().time(),
            )
        )
        queue = self._answers[method, request.path]
        answer = queue.popleft() if queue else self._standing.get((method, request.path), Answer(501))
        if isinstance(answer, Stream):
            return await answer.serve(request)
        if answer.cut and request.transport is not None:
            request.transport.abort()
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return web.Response(
            status=answer.status, body=body, headers=answer.headers, content_type="application/json"
        )
