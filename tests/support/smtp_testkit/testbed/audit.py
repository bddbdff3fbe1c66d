# SPDX-License-Identifier: Apache-2.0
"""Requests to the API server, from its audit log."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """An answered request."""

    user: str
    verb: str
    resource: str
    """The resource, such as `smtpconfigs/status`."""
    namespace: str
    name: str
    uri: str
    code: int

    @property
    def writes(self) -> bool:
        """Whether the request is a write."""
        return self.verb not in {"get", "list", "watch"}


class AuditLog:
    """An audit log that is read from a mark on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = 0

    def mark(self) -> None:
        """Ignore all lines until now."""
        self._mark = self.path.stat().st_size

    def text(self) -> str:
        """Return the raw lines since the mark."""
        return b"".join(self._lines()).decode()

    def requests(self, *, user: str = "", namespace: str = "") -> list[Request]:
        """Return the requests since the mark of a user in a namespace; watches only after they end."""
        return [
            request
            for request in map(_parsed, self._lines())
            if user in ("", request.user) and namespace in ("", request.namespace)
        ]

    def until(self, verb: str, resource: str, *, user: str, namespace: str) -> list[Request]:
        """Wait until a request matches, and return all requests.

        A line is written when its request is complete, so its effect may be visible a moment earlier.

        Raises:
            TimeoutError: there is none.
        """
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.requests(user=user, namespace=namespace)
            if any((it.verb, it.resource) == (verb, resource) for it in found):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{user} never asked to {verb} {resource} in {namespace}: {found}")
            time.sleep(POLL_SECONDS)

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self._mark)
            # The last line may be incomplete; it is complete with its newline.
            yield from (line for line in file if line.endswith(b"\n"))


def _parsed(line: bytes) -> Request:
    event = json.loads(line)
    reference = event.get("objectRef") or {}
    resource = reference.get("resource", "")
    if "subresource" in reference:
        resource += f"/{reference['subresource']}"
    return Request(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource=resource,
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        uri=event["requestURI"],
        code=event.get("responseStatus", {}).get("code", 0),
    )
