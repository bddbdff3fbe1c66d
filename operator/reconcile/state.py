# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of an object between reconciliations, in addition to its status."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic

from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import EventRecord, ObjectVersion, Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import ObjectStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Verdict
from smtp_operator.fair_slots import Slot
from smtp_operator.reconcile.backoff import MINUTE, WAITING_TIME
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.snapshot import ObjectSnapshot, Status

_TOLERATED_TIME: Final = 10 * MINUTE
_TOLERATED_FAILURES: Final = 3
"""Rule 2: Ready=True survives transient failures for at least this time and this many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStatus:
    """A status that the API server has not accepted yet. Testing again instead might send another email."""

    tested: ObjectVersion
    status: ObjectStatus
    read: Mapping[Reference, ReferenceBaseline] | None = None
    """Objects that the test read; None if the status is not the result of a test."""
    events: tuple[EventRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusUpdate(Generic[Status]):
    """The status after a test, and its verdict if the status states a new one."""

    status: Status
    verdict: Verdict | None


@dataclass(slots=True)
class ObjectState:
    """State of an object. Losing it costs no extra email, only some waiting time.

    Each object has one, so empty values are shared.
    """

    uid: str
    observed: Hashable = None
    """The relevant parts of the latest event."""
    generation: int = 0
    """The newest known generation of the spec."""
    generation_seen: tuple[int, float] | None = None
    """A generation that appeared while this process was watching, and when."""
    has_verdict: bool = False
    """Whether the last known status describes the last known generation."""
    health: ObjectHealth | None = None
    """Health from the newest status."""
    concurrency_key: Hashable = None
    """Key that limits how many objects are handled at a time, for example the mail server."""

    newest_version: str = "0"
    """The newest known resourceVersion, from events and our own writes."""
    pending_status: PendingStatus | None = None

    baselines: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """Objects that the last test read."""
    references_polled_at: float = 0.0
    """When its references were last polled; used only without a watch."""

    failures: int = 0
    """Consecutive failed tests."""
    failing_since: float | None = None
    """When the first consecutive failure ended, in seconds since the epoch."""
    internal_errors: int = 0
    """Consecutive reconciliations that failed with a bug of the operator."""

    test_slot: Slot | None = None
    """Slot of its running test, or of one that waits; see ``limits/admission.py``."""
    email_slot: Slot | None = None
    """Slot of a sent email whose status is still to be written; see ``send_gate.py``."""

    def record_result(self, snapshot: ObjectSnapshot, verdict: Verdict, *, ended: float) -> None:
        """Record a test result; ``snapshot`` is the object before the test."""
        if verdict.passed or not snapshot.has_verdict:  # failures of other settings do not count
            self.failures, self.failing_since = 0, None
        elif not self.failures and snapshot.ready == "False":
            self.failures = 1
        if not verdict.passed:
            self.failures += 1
            self.failing_since = self.failing_since or ended

    def tolerates_failure(self, at: float, *, interval: float = 0.0) -> bool:
        """Return whether a verdict Ready=True survives the transient failures until now (rule 2)."""
        lasted = at - (self.failing_since or at)
        return self.failures < _TOLERATED_FAILURES or lasted < max(interval, _TOLERATED_TIME)

    def generation_appeared(self, snapshot: ObjectSnapshot) -> float:
        """Return when this generation was first seen, as far as known, in seconds since the epoch."""
        if snapshot.generation == 1:
            return snapshot.created
        if self.generation_seen is not None and self.generation_seen[0] == snapshot.generation:
            return self.generation_seen[1]
        waiting = snapshot.status.condition("Reconciling")
        if waiting is not None and waiting.observed_generation == snapshot.generation:
            return from_timestamp(waiting.last_transition_time) or 0.0
        return 0.0

    def waiting_ends(self, snapshot: ObjectSnapshot) -> float | None:
        """Return when an object that waits for a dependency is stalled (rule 3); None if it does not wait."""
        condition = snapshot.status.condition("Reconciling")
        if condition is None or condition.reason != Reason.WAITING_FOR_DEPENDENCY:
            return None
        return self.generation_appeared(snapshot) + WAITING_TIME
