# SPDX-License-Identifier: Apache-2.0
"""Decide the next step for a SmtpConfig: a pure function of its spec, its status and its history.

Rule numbers in comments refer to the verdict rules of the API reference (``docs/reference/status.md``).
"""

from collections.abc import Callable
from dataclasses import dataclass

from smtp_operator.api.reasons import ANNOUNCEMENTS, Reason, Retry
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.backoff import (
    BURST,
    BURST_TIME,
    REQUEST_SPACING,
    WAITING_TIME,
    due_time,
    recheck_delay,
)
from smtp_operator.reconcile.references.changes import ReferenceChange
from smtp_operator.reconcile.smtpconfig.certificate_expiry import report_due
from smtp_operator.reconcile.smtpconfig.memory import TestHistory, retry_of
from smtp_operator.reconcile.smtpconfig.notifications import due_notification
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class RunTest:
    """Run a test, and derive its verdict."""

    trigger: Trigger
    mode: Mode


@dataclass(frozen=True, slots=True)
class RefreshStatus:
    """Update status without a test; see ``status.refreshed_status``."""


@dataclass(frozen=True, slots=True)
class SendNotification:
    """Send a separate email about this kind."""

    kind: Notification


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until then (seconds since the epoch); None: until something changes."""

    until: float | None


PlannedAction = RunTest | RefreshStatus | SendNotification | Wait


CompareReferences = Callable[[Snapshot], tuple[ReferenceChange, Trigger]]


def decide(
    view: Snapshot, *, memory: TestHistory, now: float, started: float, compare: CompareReferences
) -> PlannedAction:
    """Return the next step for this object.

    ``now`` and ``started`` (of this operator) are in seconds since the epoch.
    """
    plan = _decide(view, memory=memory, now=now, started=started, compare=compare)
    held_until = memory.held_until(view)
    return Wait(held_until) if isinstance(plan, RunTest) and held_until > now else plan


def _decide(
    view: Snapshot, *, memory: TestHistory, now: float, started: float, compare: CompareReferences
) -> PlannedAction:
    if view.request_pending:
        due = max(_spacing_over(view, now) if view.has_verdict else 0.0, _burst_over(memory, now))
        return _after(due, now, RunTest(Trigger.REQUESTED, view.spec.test.mode))
    if view.spec.suspend:
        return _suspended(view)
    if not view.has_verdict:
        return _after(_burst_over(memory, now), now, RunTest(Trigger.SPEC_CHANGED, view.spec.test.mode))
    change, trigger = compare(view)
    if change is ReferenceChange.CHANGED or (change is ReferenceChange.IN_DOUBT and view.ready == "False"):
        return _after(_burst_over(memory, now), now, RunTest(trigger, view.spec.test.mode))
    if change is ReferenceChange.IN_DOUBT:  # rule 6: no email
        return _after(_burst_over(memory, now), now, RunTest(trigger, _at_most(Mode.LOGIN, view)))
    if view.generation_is_new or _announcement_outdated(view):
        return RefreshStatus()
    return _by_time(view, memory=memory, now=now, started=started)


def _by_time(view: Snapshot, *, memory: TestHistory, now: float, started: float) -> PlannedAction:
    due = from_timestamp(view.status.next_test_time)
    if due is not None:
        due = due_time(due, uid=view.version.uid, interval=view.interval, started=started, now=now)
        if due <= now:
            if view.ready == "True":
                return RunTest(Trigger.RECHECK, _at_most(view.spec.recheck.mode, view))
            return RunTest(Trigger.RETRY, view.spec.test.mode)  # rule 1
    refreshes = [time for time in (_waiting_ends(view, memory), report_due(view)) if time is not None]
    if refreshes and min(refreshes) <= now:
        return RefreshStatus()
    kind = due_notification(view, memory, now)
    if kind is not None:
        return SendNotification(kind)
    times = [*refreshes, *([due] if due is not None else [])]
    return Wait(min(times)) if times else Wait(None)


def next_password_poll(view: Snapshot, *, last_poll: float) -> float | None:
    """Return when to check whether a vault has replaced a password that the mail server rejected (rule 7).

    The time is in seconds since the epoch; None if a test checks it, or if no check is wanted.
    """
    ready = view.status.condition("Ready")
    if not view.has_verdict or ready is None or view.spec.suspend or not view.interval:
        return None
    if ready.status != "False" or retry_of(ready.reason) is not Retry.AUTHENTICATION:
        return None
    if view.spec.password is None or view.spec.password.vault_item is None:
        return None
    return max(last_poll, view.last_test_ended or 0.0) + (recheck_delay(view.version.uid, view.interval) or 0)


def _waiting_ends(view: Snapshot, memory: TestHistory) -> float | None:
    """Return when an object that waits for a dependency is stalled (rule 3); None if it does not wait."""
    condition = view.status.condition("Reconciling")
    if condition is None or condition.reason != Reason.WAITING_FOR_DEPENDENCY:
        return None
    return generation_appeared(view, memory) + WAITING_TIME


def generation_appeared(view: Snapshot, memory: TestHistory) -> float:
    """Return when this generation was first seen, as far as known, in seconds since the epoch."""
    if view.generation == 1:
        return view.created
    if memory.generation_seen is not None and memory.generation_seen[0] == view.generation:
        return memory.generation_seen[1]
    waiting = view.status.condition("Reconciling")
    if waiting is not None and waiting.observed_generation == view.generation:
        return from_timestamp(waiting.last_transition_time) or 0.0
    return 0.0


def _suspended(view: Snapshot) -> PlannedAction:
    ready = view.status.condition("Ready")
    if view.has_verdict:
        settled = not view.generation_is_new and not _announcement_outdated(view)  # rule 5: keep the verdict
    else:
        settled = ready is not None and ready.reason == Reason.SUSPENDED and not view.generation_is_new
    return Wait(None) if settled else RefreshStatus()


def _announcement_outdated(view: Snapshot) -> bool:
    """Return whether status reports a test that does not run, because of a restart or a removed request."""
    condition = view.status.condition("Reconciling")
    return condition is not None and condition.reason in ANNOUNCEMENTS


def _spacing_over(view: Snapshot, now: float) -> float:
    ended = view.last_test_ended
    # A future end was written with a wrong clock and must not delay the test.
    return 0.0 if ended is None or ended > now else ended + REQUEST_SPACING


def _burst_over(memory: TestHistory, now: float) -> float:
    if len(memory.recent_tests) < BURST or memory.recent_tests[0] > now:
        return 0.0
    return memory.recent_tests[0] + BURST_TIME


def _after(earliest: float, now: float, test: RunTest) -> PlannedAction:
    return test if earliest <= now else Wait(earliest)


def _at_most(mode: Mode, view: Snapshot) -> Mode:
    """Return the mode, or ``test.mode`` if that is less deep."""
    return min(mode, view.spec.test.mode, key=lambda it: it.depth)
