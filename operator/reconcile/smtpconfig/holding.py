# SPDX-License-Identifier: Apache-2.0
"""Record tests and notifications that a limit holds back, and report them in status."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import DialogueReport, Mode, Phase
from smtp_operator.reconcile.backoff import MINUTE, fraction
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.smtpconfig.delivery.attempts import recipient_of, with_address
from smtp_operator.reconcile.smtpconfig.delivery.planner import SendDelivery, joins
from smtp_operator.reconcile.smtpconfig.mail_text import recipients_of
from smtp_operator.reconcile.smtpconfig.notifications import kinds_of_test
from smtp_operator.reconcile.smtpconfig.planner import RunTest, SendNotification
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import HeldUntil, SmtpConfigState
from smtp_operator.reconcile.smtpconfig.status import held

ANNOUNCED_AFTER: Final = 2.0
"""Seconds that a test waits for a slot before its status says so."""

_LOGIN_SPREAD: Final = 5 * MINUTE
"""Objects that log in as one user are retried over this time, not all at once."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Next step for an object that is held back."""

    requeue_at: float | None = None
    """When to reconcile the object again, in seconds since the epoch; None: when it gets its slot."""
    status: SmtpConfigStatus | None = None
    """Status to write; None: status already says so, or it is too early to report."""


HeldAction = RunTest | SendNotification | SendDelivery
"""Actions that a limit can hold back."""


def hold_back(
    snapshot: Snapshot, plan: HeldAction, hold: Hold, *, state: SmtpConfigState, now: float
) -> HeldBack:
    """Record in ``state`` what is held back until when, and return the next step."""
    if isinstance(plan, SendDelivery):
        return HeldBack(requeue_at=hold.until)
    if isinstance(plan, SendNotification):
        state.notify_after = hold.until or state.notify_after
        return HeldBack(requeue_at=hold.until)
    if hold.until is not None:
        state.hold, state.waits_since = HeldUntil(snapshot.generation, snapshot.request, hold.until), None
    else:
        state.waits_since = state.waits_since or now
        announced = state.waits_since + ANNOUNCED_AFTER
        if now < announced:
            return HeldBack(requeue_at=announced)
    status = held(snapshot, plan.trigger, hold, now=now)
    return HeldBack(requeue_at=hold.until, status=None if status == snapshot.status else status)


def addresses_of(snapshot: Snapshot, plan: HeldAction, *, now: float) -> list[str]:
    """Return the recipients that a server will be asked to take."""
    if isinstance(plan, SendDelivery):
        return [recipient_of(snapshot).address]
    if isinstance(plan, SendNotification):
        kinds = frozenset({plan.kind})
    elif plan.mode.depth < Mode.ENVELOPE.depth:
        return []
    else:
        kinds = kinds_of_test(snapshot, plan.trigger, now)
    recipients = recipients_of(snapshot.spec, kinds)
    if isinstance(plan, RunTest) and joins(snapshot, plan.trigger, plan.mode, now=now):
        recipients = with_address(snapshot, recipients, ())
    return [recipient.address for recipient in recipients]


def named_recipients(report: DialogueReport) -> bool:
    """Return whether the server was asked to take a recipient."""
    return any(timing.phase is Phase.RCPT_TO for timing in report.phases)


def login_hold(outcome: TestResult, uid: str) -> Hold | None:
    """Return why a test that came to AUTH has to wait; None if it tried to log in, or had no need to."""
    verdict = outcome.verdict
    if verdict.reason is not Reason.LOGIN_ATTEMPTS_LIMITED:
        return None
    until = outcome.ended + (verdict.retry_after or 0.0) + _LOGIN_SPREAD * fraction(uid)
    return Hold(verdict.reason, verdict.message, "so many logins of this user were rejected", until)
