# SPDX-License-Identifier: Apache-2.0
"""Decide the next step for a SmtpConfig: a pure function of its spec, its status and its history.

Rule numbers in comments refer to the verdict rules of the API reference (``docs/reference/status.md``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import ANNOUNCEMENTS, Reason, Retry
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.backoff import BURST, BURST_TIME, REQUEST_SPACING, due_time, recheck_delay
from smtp_operator.reconcile.references.changes import ReferenceChange
from smtp_operator.reconcile.smtpconfig.certificate_expiry import report_due
from smtp_operator.reconcile.smtpconfig.delivery.planner import DeliveryAction, delivery_step
from smtp_operator.reconcile.smtpconfig.notifications import due_notification
from smtp_operator.reconcile.smtpconfig.sender import CheckSender, ReportSender, next_step
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState, retry_of

_VAULT_LOGIN_REASONS: Final = frozenset(
    {
        Reason.IDENTITY_PROVIDER_UNREACHABLE,
        Reason.IDENTITY_UNAVAILABLE,
        Reason.VAULT_AUTH_FAILED,
        Reason.VAULT_ENDPOINT_INVALID,
        Reason.VAULT_HOST_UNRESOLVED,
        Reason.VAULT_NETWORK_DENIED,
        Reason.VAULT_RATE_LIMITED,
        Reason.VAULT_TENANT_MISMATCH,
        Reason.VAULT_TLS_FAILED,
        Reason.VAULT_UNAVAILABLE,
        Reason.VAULT_UNREACHABLE,
        Reason.VAULT_URL_NOT_ALLOWED,
        Reason.AUDIENCE_NOT_ALLOWED,
        Reason.SERVICE_ACCOUNT_NOT_FOUND,
        Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
    }
)
"""Reasons that a successful login to the vault resolves."""


@dataclass(frozen=True, slots=True)
class RunTest:
    """Run a test, and derive its verdict."""

    trigger: Trigger
    mode: Mode


@dataclass(frozen=True, slots=True)
class SendNotification:
    """Send a separate email about this kind."""

    kind: Notification


PlannedAction = RunTest | SendNotification | CheckSender | ReportSender | DeliveryAction


CompareReferences = Callable[[Snapshot], tuple[ReferenceChange, Trigger]]


def _never_changed(snapshot: Snapshot) -> bool:
    return False


def decide(
    snapshot: Snapshot,
    *,
    state: SmtpConfigState,
    now: float,
    started: float,
    compare: CompareReferences,
    watched: str | None = None,
    mailbox_changed: Callable[[Snapshot], bool] = _never_changed,
) -> PlannedAction:
    """Return the next step for this object.

    ``now`` and ``started`` (of this operator) are in seconds since the epoch. ``watched`` and
    ``mailbox_changed`` are those of ``delivery_step``.
    """
    plan = _decide(snapshot, state=state, now=now, started=started, compare=compare)
    held_until = state.held_until(snapshot)
    if isinstance(plan, RunTest) and held_until > now:
        plan = Wait(held_until)
    if isinstance(plan, Wait) and snapshot.status.current_test is not None:
        return RefreshStatus()  # that test does not run any more
    if not isinstance(plan, Wait) or (snapshot.spec.delivery is None and snapshot.status.delivery is None):
        return plan
    step = delivery_step(
        snapshot,
        state,
        now=now,
        started=started,
        mailbox_changed=mailbox_changed(snapshot),
        watched=watched,
    )
    return plan.until_earlier(step) if isinstance(step, Wait) else step


def _decide(
    snapshot: Snapshot, *, state: SmtpConfigState, now: float, started: float, compare: CompareReferences
) -> PlannedAction:
    if snapshot.request_pending:
        due = max(_spacing_over(snapshot, now) if snapshot.has_verdict else 0.0, _burst_over(state, now))
        return _after(due, now, RunTest(Trigger.REQUESTED, snapshot.spec.test.mode))
    if snapshot.spec.suspend:
        return _suspended(snapshot)
    if not snapshot.has_verdict:
        return _after(_burst_over(state, now), now, RunTest(Trigger.SPEC_CHANGED, snapshot.spec.test.mode))
    change, trigger = compare(snapshot)
    if change < ReferenceChange.CHANGED and _missed_a_recovery(snapshot, state):
        change, trigger = ReferenceChange.CHANGED, Trigger.DEPENDENCY_CHANGED
    in_doubt = change is ReferenceChange.IN_DOUBT
    if change is ReferenceChange.CHANGED or (in_doubt and snapshot.ready == "False"):
        return _after(_burst_over(state, now), now, RunTest(trigger, snapshot.spec.test.mode))
    if in_doubt:  # rule 6: no email
        return _after(_burst_over(state, now), now, RunTest(trigger, snapshot.at_most(Mode.LOGIN)))
    if snapshot.generation_is_new or _announcement_outdated(snapshot) or snapshot.defaults_changed:
        return RefreshStatus()
    return _by_time(snapshot, state=state, now=now, started=started)


def _by_time(snapshot: Snapshot, *, state: SmtpConfigState, now: float, started: float) -> PlannedAction:
    due = from_timestamp(snapshot.status.next_test_time)
    if due is not None:
        due = due_time(
            due, uid=snapshot.version.uid, interval=snapshot.longest_interval, started=started, now=now
        )
        if due <= now:
            if snapshot.ready == "True":
                return RunTest(Trigger.RECHECK, snapshot.recheck_mode)
            return RunTest(Trigger.RETRY, snapshot.spec.test.mode)  # rule 1
    refreshes = [time for time in (state.waiting_ends(snapshot), report_due(snapshot)) if time is not None]
    if refreshes and min(refreshes) <= now:
        return RefreshStatus()
    kind = due_notification(snapshot, state, now)
    if kind is not None:
        return SendNotification(kind)
    times = [*refreshes, *([due] if due is not None else [])]
    sender = next_step(snapshot, state.sender, now=now, started=started)
    if isinstance(sender, CheckSender | ReportSender):
        return sender
    if sender is not None:
        times.append(sender)
    return Wait(min(times)) if times else Wait(None)


def next_password_poll(snapshot: Snapshot, *, last_poll: float) -> float | None:
    """Return when to check whether a vault has replaced a password that the mail server rejected (rule 7).

    The time is in seconds since the epoch; None if a test checks it, or if no check is wanted.
    """
    ready = snapshot.status.condition("Ready")
    if ready is None or ready.status != "False" or retry_of(ready.reason) is not Retry.AUTHENTICATION:
        return None
    if snapshot.spec.password is None or snapshot.spec.password.vault_item is None:
        return None
    if not snapshot.has_verdict or snapshot.spec.suspend or not snapshot.interval:
        return None
    delay = recheck_delay(snapshot.version.uid, snapshot.interval) or 0.0
    return max(last_poll, snapshot.last_test_ended or 0.0) + delay


def _missed_a_recovery(snapshot: Snapshot, state: SmtpConfigState) -> bool:
    """Return whether the last test failed at a vault that the operator has since logged in to."""
    ready = snapshot.status.condition("Ready")
    if snapshot.ready != "False" or ready is None or ready.reason not in _VAULT_LOGIN_REASONS:
        return False
    return (snapshot.last_test_ended or 0.0) < state.vault_recovered_at


def _suspended(snapshot: Snapshot) -> PlannedAction:
    ready = snapshot.status.condition("Ready")
    if snapshot.has_verdict:
        settled = not _announcement_outdated(snapshot)  # rule 5: keep the verdict
    else:
        settled = ready is not None and ready.reason == Reason.SUSPENDED
    outdated = snapshot.generation_is_new or snapshot.defaults_changed
    return Wait(None) if settled and not outdated else RefreshStatus()


def _announcement_outdated(snapshot: Snapshot) -> bool:
    """Return whether status reports a test that does not run, because of a restart or a removed request."""
    condition = snapshot.status.condition("Reconciling")
    return condition is not None and condition.reason in ANNOUNCEMENTS


def _spacing_over(snapshot: Snapshot, now: float) -> float:
    ended = snapshot.last_test_ended
    # A future end was written with a wrong clock and must not delay the test.
    return 0.0 if ended is None or ended > now else ended + REQUEST_SPACING


def _burst_over(state: SmtpConfigState, now: float) -> float:
    if len(state.recent_tests) < BURST or state.recent_tests[0] > now:
        return 0.0
    return state.recent_tests[0] + BURST_TIME


def _after(earliest: float, now: float, test: RunTest) -> PlannedAction:
    return test if earliest <= now else Wait(earliest)
