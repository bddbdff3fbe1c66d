# SPDX-License-Identifier: Apache-2.0
"""Keep the reconciler's state of each SmtpConfig between reconciliations."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import EventRecord, JsonObject, ObjectKey, ObjectVersion, Reference
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, request_of, snapshot_of

_METADATA: Final = frozenset(
    {"namespace", "name", "uid", "generation", "resourceVersion", "creationTimestamp"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStatus:
    """A status that the API server has not accepted yet. Testing again instead might send another email."""

    tested: ObjectVersion
    status: SmtpConfigStatus
    read: Mapping[Reference, ReferenceBaseline] | None = None
    events: tuple[EventRecord, ...] = ()


@dataclass(slots=True)
class ObjectState:
    """State of a SmtpConfig between reconciliations."""

    uid: str
    observed: tuple[int, str | None]
    """Generation and request: the relevant parts of an event."""
    concurrency_key: Hashable = None
    history: TestHistory = field(default_factory=TestHistory)
    latest: tuple[float, Snapshot | bytes] | None = None
    """The object from the latest event, and when it arrived; dropped once reconciled.

    An object with a verdict is kept as JSON, a tenth of the size: after a start, all of them wait.
    """
    has_verdict: bool = False
    """Whether the last known status describes the last known generation."""
    written_version: str = "0"
    """The resourceVersion of our last write."""
    pending_status: PendingStatus | None = None
    health: ObjectHealth | None = None
    """Health from the newest status; None before the first one."""
    references_polled_at: float = 0.0
    """When its references were last polled; used only without a watch."""
    vault_polled_at: float = 0.0
    """When its vault was last checked for a replacement of a rejected password."""


def server_key(key: ObjectKey, spec: JsonObject) -> Hashable:
    """Return the concurrency key: the mail server, or the object itself if it is suspended."""
    return key if spec.get("suspend") else (str(spec.get("server")).lower(), spec.get("port"))


def packed(object_: JsonObject) -> bytes:
    """Return the parts of an object that a snapshot needs, as JSON, for ``latest``."""
    metadata = {name: value for name, value in object_["metadata"].items() if name in _METADATA}
    request = request_of(object_)
    kept = {
        "metadata": metadata
        if request is None
        else {**metadata, "annotations": {TEST_REQUESTED_AT: request}},
        "spec": object_["spec"],
        "status": object_.get("status"),
    }
    return json.dumps(kept, separators=(",", ":")).encode()


def unpacked(stored: Snapshot | bytes) -> Snapshot:
    """Return the snapshot that ``latest`` stores."""
    return snapshot_of(json.loads(stored)) if isinstance(stored, bytes) else stored
