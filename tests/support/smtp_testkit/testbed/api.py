# SPDX-License-Identifier: Apache-2.0
"""Raw requests to an API server; kubectl needs 0.1 s for each, and cannot wait for every state."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

PATIENCE = 60.0
"""A timeout in seconds that only a hanging request exceeds, even on a busy machine."""

_PAUSE = 0.1


class ApiError(Exception):
    """The API server rejected a request; `code` is the HTTP status."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Api:
    """A thread-safe client of the API server, as one of its users."""

    def __init__(self, url: str, ca_file: Path, token: str, *, acting_as: str = "") -> None:
        """Prepare a client, which connects at the first request.

        Args:
            url: URL such as `https://127.0.0.1:6443`.
            ca_file: file with its CA certificate.
            token: token of the user.
            acting_as: another user, whom this one may impersonate.
        """
        self._address = urlsplit(url).netloc
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, */*"}
        if acting_as:
            self._headers["Impersonate-User"] = acting_as
        self._own = threading.local()
        self._all: list[http.client.HTTPSConnection] = []

    def get(self, path: str) -> Object:
        """Return an object, or a list of objects."""
        return self._request("GET", path)

    def items(self, path: str) -> list[Object]:
        """Return the objects of a list."""
        found: list[Object] = self.get(path)["items"]
        return found

    def create(self, path: str, body: Object) -> Object:
        """Create an object in the collection."""
        return self._request("POST", path, body)

    def replace(self, path: str, body: Object) -> Object:
        """Replace an object; its resourceVersion is a precondition."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: Object) -> Object:
        """Change some fields by a merge patch."""
        return self._request("PATCH", path, body, kind="merge-patch+json")

    def apply(self, path: str, body: Object, *, manager: str = "testbed") -> Object:
        """Apply an object server-side, by force."""
        query = f"fieldManager={manager}&force=true"
        return self._request("PATCH", f"{path}?{query}", body, kind="apply-patch+yaml")

    def delete(self, path: str, options: Object | None = None) -> None:
        """Delete an object with these DeleteOptions; to wait until it is gone, call `wait_gone`."""
        self._request("DELETE", path, options)

    def wait(
        self, collection: str, name: str, until: Callable[[Object], bool], *, seconds: float = PATIENCE
    ) -> Object:
        """Wait until `until` holds for the object, and return it; it need not exist yet.

        Raises:
            TimeoutError: it never held; the text has the last state of the object.
        """
        last: Object | None = None
        for kind, item in self.follow(f"{collection}?fieldSelector=metadata.name={name}", seconds):
            if kind == "LISTED":
                continue
            last = None if kind == "DELETED" else item
            if last is not None and until(last):
                return last
        raise TimeoutError(f"{name} did not get there in {seconds:g} s; it is {json.dumps(last, indent=1)}")

    def wait_any(
        self, collection: str, until: Callable[[Object], bool], *, seconds: float = PATIENCE
    ) -> Object:
        """Wait for an object of the collection for which `until` holds, and return it.

        Raises:
            TimeoutError: there was none.
        """
        for kind, item in self.follow(f"{collection}?limit=500", seconds):
            if kind not in ("DELETED", "LISTED") and until(item):
                return item
        raise TimeoutError(f"there was no such object of {collection} in {seconds:g} s")

    def wait_gone(self, collection: str, name: str, *, seconds: float = PATIENCE) -> None:
        """Wait until the object does not exist.

        Raises:
            TimeoutError: it still exists.
        """
        selected = f"{collection}?fieldSelector=metadata.name={name}"
        there = False
        for kind, _ in self.follow(selected, seconds):
            there = kind == "ADDED" or (there and kind != "DELETED")
            if not there:
                return
        raise TimeoutError(f"{name} is still there after {seconds:g} s")

    def follow(self, selected: str, seconds: float) -> Iterator[tuple[str, Object]]:
        """Yield the current objects and all changes for so many seconds."""
        deadline = time.monotonic() + seconds
        found = self.get(selected)
        for item in found["items"]:
            yield "ADDED", item
        yield "LISTED", {}
        version = found["metadata"]["resourceVersion"]
        with self._watching(f"{selected}&watch=true&resourceVersion={version}", deadline) as lines:
            for event in lines:
                yield event["type"], event["object"]

    @contextmanager
    def _watching(self, path: str, deadline: float) -> Iterator[Iterator[Object]]:
        connection = self._connect()
        try:
            connection.request("GET", path, headers=self._headers)
            yield self._lines(connection, deadline)
        finally:
            connection.close()

    @staticmethod
    def _lines(connection: http.client.HTTPSConnection, deadline: float) -> Iterator[Object]:
        response = None
        try:
            while (left := deadline - time.monotonic()) > 0:
                connection.sock.settimeout(left)
                response = response or connection.getresponse()
                if not (line := response.readline()):
                    return
                yield json.loads(line)
        except TimeoutError:
            return
        finally:
            if response is not None:
                response.close()

    def _request(self, method: str, path: str, body: Object | None = None, *, kind: str = "json") -> Object:
        busy_until = time.monotonic() + PATIENCE
        status, answer = self._send(method, path, body, kind)
        while status == http.client.TOO_MANY_REQUESTS and time.monotonic() < busy_until:
            time.sleep(_PAUSE)  # it did not handle the request: it is busy, or a CRD has just changed
            status, answer = self._send(method, path, body, kind)
        found: Object = json.loads(answer) if answer.startswith(b"{") else {"message": answer.decode()}
        if status >= 400:
            raise ApiError(f"{method} {path} was refused: {found.get('message')}", status)
        return found

    def _send(self, method: str, path: str, body: Object | None, kind: str) -> tuple[int, bytes]:
        reused = hasattr(self._own, "connection")
        if not reused:
            self._own.connection = self._connect()
            self._all.append(self._own.connection)
        connection: http.client.HTTPSConnection = self._own.connection
        headers = self._headers | {"Content-Type": f"application/{kind}"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            del self._own.connection
            if not reused:
                raise
        # The API server has restarted, or has closed an idle connection.
        return self._send(method, path, body, kind)

    def _connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self._address, timeout=PATIENCE, context=self._tls)
        connection.connect()
        # Headers and body are two packets; without this the second waits for the acknowledgment of the first.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()
