# SPDX-License-Identifier: Apache-2.0
"""Keep what the process remembers of an object between tests, in addition to its status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.reconcile.backoff import BURST, TRIES_BEFORE_CONFIGURATION
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

_REFUSED: Final = Retry.TRANSIENT_THEN_CONFIGURATION

_EXPIRIES: Final = 8
"""Number of remembered expiry times."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Reason why a test does not start now."""

    reason: Reason
    message: str
    allowed: str
    """Text after ``waits, `` in the summary."""
    until: float | None = None
    """When the test may start, in seconds since the epoch; None: as soon as a slot is free."""

    @property
    def summary(self) -> str:
        """Return the text for ``status.summary``."""
        return f"{self.reason}: waits, {self.allowed}"


@dataclass(frozen=True, slots=True)
class HeldUntil:
    """State of an object that a limit holds back, and until when (seconds since the epoch)."""

    generation: int
    request: str | None
    until: float


@dataclass(slots=True)
class TestHistory:
    """History of one object's tests in this process. Losing it costs no extra email, only some waiting time.

    Each object has one, so empty values are shared.
    """

    failures: int = 0
    """Consecutive failed tests."""
    refusals: int = 0
    """Consecutive refused connections, counted from the last test."""
    failing_since: float | None = None
    """When the first consecutive failure ended, in seconds since the epoch."""
    recent_tests: tuple[float, ...] = ()
    """Start times of the last tests, at most ``BURST``."""
    generation_seen: tuple[int, float] | None = None
    """A generation that appeared while this process was watching, and when."""
    baselines: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """Objects that the last test read."""
    reported_expiries: tuple[str, ...] = ()
    """The latest reported values of ``status.certificateExpiring``."""

    pending_notifications: frozenset[Notification] = frozenset()
    """Kinds that no test email has reported yet; see ``notifications.py``."""
    notify_after: float = 0.0
    """Time before which no separate email is tried, after one failed; in seconds since the epoch."""

    hold: HeldUntil | None = None
    """A test that a limit holds back."""
    waits_since: float | None = None
    """Since when a test waits for a slot, in seconds since the epoch."""
    passed_logins: tuple[bytes, ...] = ()
    """Digests of the credentials that the mail server accepted last; see ``limits/logins.py``."""

    def record_start(self, at: float) -> None:
        """Record a test that starts now."""
        self.recent_tests = (*self.recent_tests, at)[-BURST:]
        self.hold = self.waits_since = None

    def held_until(self, view: Snapshot) -> float:
        """Return when the next test of this state of the object may start; 0 if no limit holds it."""
        hold = self.hold
        same = hold is not None and (hold.generation, hold.request) == (view.generation, view.request)
        return hold.until if hold is not None and same else 0.0

    def record_result(self, view: Snapshot, outcome: TestResult) -> None:
        """Record a test result; ``view`` is the object before the test."""
        verdict = outcome.verdict
        if verdict.passed or not view.has_verdict:  # failures of other settings do not count
            self.failures, self.refusals, self.failing_since = 0, 0, None
        elif not self.failures and view.ready == "False":
            self.failures, self.refusals = 1, self.refusals_of(view)
        if verdict.passed:
            return
        self.failures += 1
        self.refusals = self.refusals + 1 if verdict.retry is _REFUSED else 0
        if self.failing_since is None:
            self.failing_since = outcome.ended

    def record_expiry(self, expiring: str | None) -> None:
        """Record ``status.certificateExpiring`` as written."""
        if expiring is not None and expiring not in self.reported_expiries:
            self.reported_expiries = (*self.reported_expiries, expiring)[-_EXPIRIES:]

    def refusals_of(self, view: Snapshot) -> int:
        """Return ``refusals``; if this process has counted none, derive them from status."""
        stalled = view.status.condition("Stalled")
        if self.failures or stalled is None or retry_of(stalled.reason) is not _REFUSED:
            return self.refusals
        return TRIES_BEFORE_CONFIGURATION


def retry_of(reason: str) -> Retry | None:
    """Return the retry class of that reason; None if this release does not know the reason."""
    try:
        return REASONS[Reason(reason)].retry
    except ValueError:
        return None
