# SPDX-License-Identifier: Apache-2.0
"""What the process remembers of an object between its tests, beside what status says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.reconcile.backoff import BURST, TRIES_BEFORE_CONFIGURATION
from smtp_operator.reconcile.references.index import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

_REFUSED: Final = Retry.TRANSIENT_THEN_CONFIGURATION

_EXPIRIES: Final = 8
"""How many are remembered."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a test does not start now."""

    reason: Reason
    message: str
    allowed: str
    """Goes on ``waits, ``, in the summary."""
    until: float | None = None
    """When it may start, in seconds since the epoch; None: as soon as a slot is free."""

    @property
    def summary(self) -> str:
        """As ``status.summary`` has it."""
        return f"{self.reason}: waits, {self.allowed}"


@dataclass(frozen=True, slots=True)
class HeldUntil:
    """Which state of an object a limit holds back, and until when (seconds since the epoch)."""

    generation: int
    request: str | None
    until: float


@dataclass(slots=True)
class TestHistory:
    """What this process remembers of one object. Losing it costs no mail, only some patience.

    There is one for each object, so what is empty is one and the same for all of them.
    """

    failures: int = 0
    """Failed tests in a row."""
    refusals: int = 0
    """How many of them, counted from the last, found nobody listening."""
    failing_since: float | None = None
    """When the first of them ended, in seconds since the epoch."""
    recent_tests: tuple[float, ...] = ()
    """When the last tests started, ``BURST`` of them at most."""
    generation_seen: tuple[int, float] | None = None
    """A generation that appeared while this process looked, and when."""
    baselines: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """What the last test read."""
    reported_expiries: tuple[str, ...] = ()
    """Which values of ``status.certificateExpiring`` were told of, the last ones."""

    pending_notifications: frozenset[Notification] = frozenset()
    """What happened and no test's mail told of; see ``notifications.py``."""
    notify_after: float = 0.0
    """Before then no mail of its own is tried, since the last one failed; in seconds since the epoch."""

    hold: HeldUntil | None = None
    """A test that a limit holds back."""
    waits_since: float | None = None
    """Since when a test waits for a slot, in seconds since the epoch."""
    passed_logins: tuple[bytes, ...] = ()
    """Digests of the credentials that the mail server accepted last; see ``login_limits``."""

    def record_start(self, at: float) -> None:
        """Takes note of a test that starts now."""
        self.recent_tests = (*self.recent_tests, at)[-BURST:]
        self.hold = self.waits_since = None

    def held_until(self, view: Snapshot) -> float:
        """Return when the next test of this state of the object may start; 0: no limit holds it."""
        hold = self.hold
        same = hold is not None and (hold.generation, hold.request) == (view.generation, view.request)
        return hold.until if hold is not None and same else 0.0

    def record_result(self, view: Snapshot, outcome: TestResult) -> None:
        """Takes a test into account; ``view`` is the object before it."""
        verdict = outcome.verdict
        if verdict.passed or not view.has_verdict:  # what failed before says nothing of other settings
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
        """Takes note of ``status.certificateExpiring`` as it was written."""
        if expiring is not None and expiring not in self.reported_expiries:
            self.reported_expiries = (*self.reported_expiries, expiring)[-_EXPIRIES:]

    def refusals_of(self, view: Snapshot) -> int:
        """``refusals``, or what status tells of those that another process counted."""
        stalled = view.status.condition("Stalled")
        if self.failures or stalled is None or retry_of(stalled.reason) is not _REFUSED:
            return self.refusals
        return TRIES_BEFORE_CONFIGURATION


def retry_of(reason: str) -> Retry | None:
    """What may mend a verdict of that reason; None: a reason of another release."""
    try:
        return REASONS[Reason(reason)].retry
    except ValueError:
        return None
