# SPDX-License-Identifier: Apache-2.0
"""The requests of a browser that has the page of ``kubectl smtp ui`` open.

async with serving(client, PageOptions(namespace="team-a")) as page, PageVisitor.of(page.session) as visitor:
    await visitor.open()
    answer = await visitor.get("/api/info")
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from smtp_operator.cli.kubectl.ui.security import CHANGE_HEADER, Session

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """A response of the page's server."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def lines(self) -> list[Json]:
        """The JSON objects of the body, one per line."""
        return [json.loads(line) for line in self.text.splitlines() if line]


class PageVisitor:
    """Sends what the page's module sends, with other headers where a test wants that."""

    def __init__(self, session: Session, http: aiohttp.ClientSession) -> None:
        """Do not call this; use ``of``."""
        self.session = session
        self.http = http

    @classmethod
    @asynccontextmanager
    async def of(cls, session: Session) -> AsyncIterator[Self]:
        """Return a visitor for the block; it has no cookie yet."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, trust_env=False) as http:
            yield cls(session, http)

    @property
    def headers_of_a_change(self) -> dict[str, str]:
        """The headers that the page and its browser send with a change."""
        return {
            "Origin": self.session.origin,
            "Sec-Fetch-Site": "same-origin",
            CHANGE_HEADER: "1",
            "Content-Type": "application/json",
        }

    async def open(self) -> PageAnswer:
        """Exchange the token for the cookie."""
        return await self.post("/session", {"token": self.session.token})

    async def get(self, path: str, **headers: str) -> PageAnswer:
        """Send a GET; headers are named with ``_`` for ``-``."""
        return await self._send("GET", path, None, _named(headers))

    async def post(self, path: str, body: Any, **headers: str | None) -> PageAnswer:
        """Send a change; a header of None is left out."""
        changed = self.headers_of_a_change | _named(headers)
        return await self._send("POST", path, body, changed)

    async def stream(self, path: str) -> AsyncIterator[Json]:
        """Yield the lines of a response that does not end."""
        async with self.http.get(
            self.session.origin + path, headers={"Sec-Fetch-Site": "same-origin"}
        ) as response:
            async for line in response.content:
                if line.strip():
                    yield json.loads(line)

    async def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str | None]) -> PageAnswer:
        kept = {name: value for name, value in headers.items() if value is not None}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        url = self.session.origin + path
        skipped = {"Content-Type"}
        async with self.http.request(
            method, url, data=data, headers=kept, skip_auto_headers=skipped, allow_redirects=False
        ) as response:
            return PageAnswer(response.status, response.headers.copy(), await response.text())


def _named(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
