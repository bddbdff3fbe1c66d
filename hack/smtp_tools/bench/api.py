# SPDX-License-Identifier: Apache-2.0
"""Raw requests to the API server, many at a time, so that the benchmark itself costs little."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smtp_tools.bench.errors import BenchError

PARALLEL = 8
BUSY_SECONDS = 15.0
DELETE_SECONDS = 600.0
REQUEST_SECONDS = 90.0
"""More than the API server takes for a request (60 s), so that its own error arrives."""

Object = dict[str, Any]


class Api:
    """A thread-safe client of the API server, as administrator."""

    def __init__(self, url: str, ca_file: Path, token: str) -> None:
        self._address = urlsplit(url).netloc
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._own = threading.local()

    def connect(self) -> http.client.HTTPSConnection:
        """Return a new connection."""
        connection = http.client.HTTPSConnection(self._address, timeout=REQUEST_SECONDS, context=self._tls)
        connection.connect()
        # Headers and body are two packets; without this the second waits for the acknowledgment of the first.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def text(self, method: str, path: str, body: Object | None = None, *, kind: str = "json") -> str:
        """Send one request and return the text of the response.

        Raises:
            BenchError: the API server refused it.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        status, answer = self._send(method, path, body, kind)
        while status == HTTPStatus.TOO_MANY_REQUESTS and time.monotonic() < deadline:
            time.sleep(0.2)  # until the storage of a new kind is ready
            status, answer = self._send(method, path, body, kind)
        if status >= 400:
            raise BenchError(f"{method} {path} was refused with {status}: {answer}")
        return answer

    def _send(self, method: str, path: str, body: Object | None, kind: str) -> tuple[int, str]:
        reused = hasattr(self._own, "connection")
        if not reused:
            self._own.connection = self.connect()
        connection: http.client.HTTPSConnection = self._own.connection
        headers = self._headers | {"Content-Type": f"application/{kind}", "Accept": "application/json, */*"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            del self._own.connection
            if not reused:
                raise
        # The API server has closed an idle connection; it did not handle the request.
        return self._send(method, path, body, kind)

    def request(self, method: str, path: str, body: Object | None = None, *, kind: str = "json") -> Object:
        """Send one request and return the object in the response."""
        answer: Object = json.loads(self.text(method, path, body, kind=kind))
        return answer

    def create(self, path: str, objects: Sequence[Object]) -> None:
        """Create all `objects` as fast as the API server accepts them."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            for _ in pool.map(lambda item: self.text("POST", path, item), objects):
                pass

    def delete_all(self, collection: str) -> None:
        """Delete all objects of the collection.

        Each request deletes as many as the API server has time for, and ends with 504 if some are left.

        Raises:
            BenchError: the API server refused it.
        """
        deadline = time.monotonic() + DELETE_SECONDS
        while True:
            status, answer = self._send("DELETE", collection, None, "json")
            if status < 400:
                return
            if status != HTTPStatus.GATEWAY_TIMEOUT or time.monotonic() > deadline:
                raise BenchError(f"DELETE {collection} was refused with {status}: {answer}")

    def watch(self, path: str, version: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        """Start to watch a collection from a version on; the response has one event per line."""
        connection = self.connect()
        connection.sock.settimeout(None)
        query = f"watch=true&resourceVersion={version}&timeoutSeconds=3600"
        connection.request("GET", f"{path}?{query}", headers=self._headers)
        return connection, connection.getresponse()


class VerdictWatch:
    """Watches a collection until each of `names` has a verdict; a context."""

    def __init__(self, api: Api, path: str, names: set[str], verdict: Callable[[Object], str | None]) -> None:
        """Start to watch.

        Args:
            api: the API server.
            path: path of the collection.
            names: names of the objects to wait for.
            verdict: returns the verdict in an object's status; None if there is no verdict yet.
        """
        self._api = api
        self._path = path
        self._open = set(names)
        self._verdict = verdict
        self._done = threading.Event()
        self._closed = False
        self.verdicts: dict[str, str] = {}
        self.objects: dict[str, Object] = {}
        self.times: dict[str, float] = {}
        """The times of the verdicts, by time.monotonic."""
        self._connection, self._response = self._begin()
        threading.Thread(target=self._read, name="verdict-watch", daemon=True).start()

    @property
    def last(self) -> float:
        """The time of the newest verdict, by time.monotonic."""
        return max(self.times.values())

    def wait(self, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Wait for the last verdict, as long as ``goes_on`` returns True.

        Raises:
            BenchError: it did not come in time.
        """
        begun = time.monotonic()
        while not self._done.wait(1.0):
            waited = time.monotonic() - begun
            if waited > seconds or not goes_on():
                raise BenchError(f"{len(self._open)} objects had no verdict after {waited:.0f} s.")

    def _begin(self) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        found = self._api.request("GET", self._path)
        for item in found["items"]:
            self._look_at(item)
        return self._api.watch(self._path, found["metadata"]["resourceVersion"])

    def _read(self) -> None:
        while self._open and not self._closed:
            for line in self._lines():
                self._look_at(json.loads(line)["object"])
            # The API server ends the watch of a slow reader; a busy one also breaks off a long list.
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._open and not self._closed:
                    self._connection, self._response = self._begin()

    def _look_at(self, item: Object) -> None:
        name = item["metadata"].get("name", "")
        if name not in self._open or (said := self._verdict(item)) is None:
            return
        self.verdicts[name], self.objects[name], self.times[name] = said, item, time.monotonic()
        self._open.discard(name)
        if not self._open:
            self._done.set()

    def _lines(self) -> Iterator[bytes]:
        # The end of this context closes the connection, even in the middle of a read.
        with contextlib.suppress(OSError, http.client.HTTPException):
            yield from self._response

    def __enter__(self) -> "VerdictWatch":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        # Closing would wait for the reading thread.
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
