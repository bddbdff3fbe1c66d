# SPDX-License-Identifier: Apache-2.0
"""Request counts from the API server's audit log."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, order=True)
class Request:
    """A kind of request: `patch` of `smtpconfigs/status`."""

    verb: str
    resource: str

    def __str__(self) -> str:
        """Return the verb and the resource."""
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True)
class Requests:
    """The requests of one user in one span of time."""

    counts: Mapping[Request, int]
    refused: int = 0

    @property
    def total(self) -> int:
        """All requests except watches, whose line is written when they end."""
        return sum(self.counts.values())

    @property
    def writes(self) -> int:
        """Requests that change something."""
        return sum(count for request, count in self.counts.items() if request.verb in WRITES)

    def of(self, resource: str, *verbs: str) -> int:
        """Return the number of requests with these verbs on `resource`, such as `smtpconfigs/status`."""
        return sum(self.counts.get(Request(verb, resource), 0) for verb in verbs)


def count(lines: Iterable[str | bytes], user: str) -> Requests:
    """Count the requests that `user` made."""
    counts: Counter[Request] = Counter()
    refused = 0
    for line in lines:
        event = json.loads(line)
        if event["user"]["username"] != user or event["verb"] == "watch":
            continue
        counts[Request(event["verb"], _resource(event))] += 1
        refused += event.get("responseStatus", {}).get("code", 0) >= 400
    return Requests(counts, refused)


class AuditLog:
    """An audit log that is read from a mark on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Return the current end of the log."""
        return self._path.stat().st_size

    def since(self, mark: int, user: str) -> Requests:
        """Return the requests of `user` since `mark`."""
        with self._path.open("rb") as file:
            file.seek(mark)
            # The last line may be incomplete; it is complete with its newline.
            return count((line for line in file if line.endswith(b"\n")), user)


def _resource(event: Mapping[str, Any]) -> str:
    reference = event.get("objectRef")
    if reference is None:
        return str(event["requestURI"]).partition("?")[0]
    subresource = reference.get("subresource")
    return f"{reference['resource']}/{subresource}" if subresource else str(reference["resource"])
