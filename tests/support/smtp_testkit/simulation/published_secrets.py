# SPDX-License-Identifier: Apache-2.0
"""The Secrets that the operator publishes on the simulated API server, and its scripted faults."""

import base64
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from smtp_operator.api.errors import AccessDenied, ClusterError
from smtp_operator.api.objects import JsonObject, Reference
from smtp_testkit.simulation.storage import Storage

Call = Literal[
    "get_smtp_config", "get_object", "write_status", "delete", "read_secret", "write_secret", "delete_secret"
]
_Verb = Literal["create", "update", "delete"]


@dataclass(slots=True)
class Faults:
    """The faults of the API server."""

    down: bool = False
    """Whether the API server is down."""
    denied: set[Reference] = field(default_factory=set)
    """Objects that the operator's role may not read."""
    next: dict[Call, deque[ClusterError]] = field(default_factory=dict)
    """Errors of the next calls, one each."""
    after: dict[Call, Callable[[], None]] = field(default_factory=dict)
    """Called once, just before the next such call takes effect: a concurrent change by another client."""


@dataclass(frozen=True, slots=True)
class SecretWrite:
    """A published Secret that was written or deleted."""

    at: float
    verb: _Verb
    reference: Reference
    data: Mapping[str, str]
    """Decoded values."""
    annotations: Mapping[str, str]


class PublishedSecretStore:
    """The part of the API server that serves published Secrets."""

    storage: Storage
    faults: Faults
    secret_writes: list[SecretWrite]
    _now: Callable[[], float]

    async def _called(self, call: Call, what: str) -> None:
        """Record the call, and fail if a fault is scripted."""
        raise NotImplementedError

    async def read_secret(self, reference: Reference) -> JsonObject | None:
        """Return a published Secret."""
        await self._called("read_secret", str(reference))
        return self.storage.objects.get(reference)

    async def write_secret(self, reference: Reference, secret: JsonObject) -> JsonObject | None:
        """Create or replace a published Secret."""
        await self._called("write_secret", str(reference))
        before = self.storage.objects.get(reference)
        wanted = secret["metadata"].get("resourceVersion")
        found = None if before is None else before["metadata"]["resourceVersion"]
        if wanted != found:
            return None
        self._note("create" if before is None else "update", reference, secret)
        return self.storage.put_whole_secret(reference, secret)

    async def delete_secret(self, reference: Reference, secret: JsonObject) -> bool:
        """Delete a published Secret."""
        await self._called("delete_secret", str(reference))
        found = self.storage.objects.get(reference)
        if found is None:
            return True
        if found["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"]:
            return False
        self._note("delete", reference, found)
        self.storage.delete_object(reference)
        return True

    def _note(
        self, verb: Literal["create", "update", "delete"], reference: Reference, secret: JsonObject
    ) -> None:
        if reference in self.faults.denied:
            raise AccessDenied(f"{verb} {reference}: 403")
        data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        self.secret_writes.append(
            SecretWrite(self._now(), verb, reference, data, secret["metadata"].get("annotations") or {})
        )
