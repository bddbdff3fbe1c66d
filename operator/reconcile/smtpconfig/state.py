# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of a SmtpConfig between reconciliations, in addition to its status."""

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.defaults import TestDefaults
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.reconcile.backoff import BURST, TRIES_BEFORE_CONFIGURATION
from smtp_operator.reconcile.smtpconfig.delivery.state import DeliveryState
from smtp_operator.reconcile.smtpconfig.publish.state import PublicationState
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.sender import SenderState
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, request_of, snapshot_of
from smtp_operator.reconcile.state import ObjectState

_METADATA: Final = frozenset(
    {"namespace", "name", "uid", "generation", "resourceVersion", "creationTimestamp"}
)
_REFUSED: Final = Retry.TRANSIENT_THEN_CONFIGURATION

_EXPIRIES: Final = 8
"""Number of remembered expiry times."""


@dataclass(frozen=True, slots=True)
class HeldUntil:
    """State of an object that a limit holds back, and until when (seconds since the epoch)."""

    generation: int
    request: str | None
    until: float


@dataclass(slots=True)
class SmtpConfigState(ObjectState):
    """State of a SmtpConfig between reconciliations."""

    latest: tuple[float, Snapshot | bytes] | None = None
    """The object from the latest event, and when it arrived; dropped once reconciled.

    An object with a verdict is kept as JSON, a tenth of the size: after a start, all of them wait.
    """

    refusals: int = 0
    """Consecutive refused connections, counted from the last test."""
    recent_tests: tuple[float, ...] = ()
    """Start times of the last tests, at most ``BURST``."""
    vault_polled_at: float = 0.0
    """When its vault was last checked for a replacement of a rejected password."""
    vault_recovered_at: float = 0.0
    """When the operator could last log in again to its vault."""
    passed_logins: tuple[bytes, ...] = ()
    """Digests of the credentials that the mail server accepted last; see ``limits/logins.py``."""

    hold: HeldUntil | None = None
    """A test that a limit holds back."""
    waits_since: float | None = None
    """Since when a test waits for a slot, in seconds since the epoch."""

    pending_notifications: frozenset[Notification] = frozenset()
    """Kinds that no test email has reported yet; see ``notifications.py``."""
    notify_after: float = 0.0
    """Time before which no separate email is tried, after one failed; in seconds since the epoch."""
    delivery: DeliveryState | None = None
    """None: ``spec.delivery`` has not been used yet."""
    publication: PublicationState | None = None
    """Attempts to publish; None without ``spec.publish``."""
    reported_expiries: tuple[str, ...] = ()
    """The latest reported values of ``status.certificateExpiring``."""

    sender: SenderState = field(default_factory=SenderState)

    @property
    def own_delivery(self) -> DeliveryState:
        """The state of the delivery, created at the first call."""
        if self.delivery is None:
            self.delivery = DeliveryState()
        return self.delivery

    @property
    def own_publication(self) -> PublicationState:
        """The state of the publication, created at the first call."""
        if self.publication is None:
            self.publication = PublicationState()
        return self.publication

    def record_start(self, at: float) -> None:
        """Record a test that starts now."""
        self.recent_tests = (*self.recent_tests, at)[-BURST:]
        self.hold = self.waits_since = None
        self.references_polled_at = at

    def held_until(self, snapshot: Snapshot) -> float:
        """Return when the next test of this state of the object may start; 0 if no limit holds it."""
        hold = self.hold
        same = hold is not None and (hold.generation, hold.request) == (snapshot.generation, snapshot.request)
        return hold.until if hold is not None and same else 0.0

    def record_test(self, snapshot: Snapshot, result: TestResult) -> None:
        """Record a test result; ``snapshot`` is the object before the test."""
        verdict = result.verdict
        if verdict.passed or not snapshot.has_verdict:
            self.refusals = 0
        elif not self.failures and snapshot.ready == "False":
            self.refusals = self.refusals_of(snapshot)
        if not verdict.passed:
            self.refusals = self.refusals + 1 if verdict.retry is _REFUSED else 0
        self.record_result(snapshot, verdict, ended=result.ended)

    def record_expiry(self, expiring: str | None) -> None:
        """Record ``status.certificateExpiring`` as written."""
        if expiring is not None and expiring not in self.reported_expiries:
            self.reported_expiries = (*self.reported_expiries, expiring)[-_EXPIRIES:]

    def refusals_of(self, snapshot: Snapshot) -> int:
        """Return ``refusals``; if this process has counted none, derive them from status."""
        stalled = snapshot.status.condition("Stalled")
        if self.failures or stalled is None or retry_of(stalled.reason) is not _REFUSED:
            return self.refusals
        return TRIES_BEFORE_CONFIGURATION


def retry_of(reason: str) -> Retry | None:
    """Return the retry class of that reason; None if this release does not know the reason."""
    try:
        return REASONS[Reason(reason)].retry
    except ValueError:
        return None


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


def unpacked(stored: Snapshot | bytes, defaults: TestDefaults) -> Snapshot:
    """Return the snapshot that ``latest`` stores; ``defaults`` are the values of the flags."""
    return snapshot_of(json.loads(stored), defaults) if isinstance(stored, bytes) else stored
