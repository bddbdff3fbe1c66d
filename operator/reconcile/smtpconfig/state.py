# SPDX-License-Identifier: Apache-2.0
"""What the reconciler knows of each SmtpConfig between two looks at it."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import EventRecord, JsonObject, ObjectKey, ObjectVersion, Reference
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.references.index import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, request_of, snapshot_of

_METADATA: Final = frozenset(
    {"namespace", "name", "uid", "generation", "resourceVersion", "creationTimestamp"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStatus:
    """A status that the API server did not take yet. Testing again instead might mail again."""

    tested: ObjectVersion
    status: SmtpConfigStatus
    read: Mapping[Reference, ReferenceBaseline] | None = None
    events: tuple[EventRecord, ...] = ()


@dataclass(slots=True)
class ObjectState:
    """What is remembered of a SmtpConfig between two looks at it."""

    uid: str
    observed: tuple[int, str | None]
    """Generation and request: what of an event matters."""
    concurrency_key: Hashable = None
    history: TestHistory = field(default_factory=TestHistory)
    latest: tuple[float, Snapshot | bytes] | None = None
    """The object as an event has just shown it, and when; dropped once looked at.

    One with a verdict as JSON, a tenth of the size: at a start all of them wait to be looked at.
    """
    has_verdict: bool = False
    """Whether the status seen or written last speaks of the generation that was seen last."""
    written_version: str = "0"
    """The resourceVersion that our last write made."""
    pending_status: PendingStatus | None = None
    health: ObjectHealth | None = None
    """By its newest status; None before any was seen."""
    references_polled_at: float = 0.0
    """When its references were last asked for; only where no watch tells of them."""
    vault_polled_at: float = 0.0
    """When its vault was last asked for another password than one that was not taken."""


def lane_of(key: ObjectKey, spec: JsonObject) -> Hashable:
    """A few objects of one mail server at a time; a suspended one need not wait for the others."""
    return key if spec.get("suspend") else (str(spec.get("server")).lower(), spec.get("port"))


def packed(object_: JsonObject) -> bytes:
    """What ``latest`` keeps of an object with a verdict: what a view is made of."""
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


def unpacked(shown: Snapshot | bytes) -> Snapshot:
    """The view of what ``latest`` keeps."""
    return snapshot_of(json.loads(shown)) if isinstance(shown, bytes) else shown
