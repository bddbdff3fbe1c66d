# SPDX-License-Identifier: Apache-2.0
"""Record tests and notifications that a limit holds back, and report them in status."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.smtpconfig.memory import HeldUntil, Hold, TestHistory
from smtp_operator.reconcile.smtpconfig.planner import RunTest, SendNotification
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.status import held

ANNOUNCED_AFTER: Final = 2.0
"""Seconds that a test waits for a slot before its status says so."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Next step for an object that is held back."""

    requeue_at: float | None = None
    """When to reconcile the object again, in seconds since the epoch; None: when it gets its slot."""
    status: SmtpConfigStatus | None = None
    """Status to write; None: status already says so, or it is too early to report."""


def hold_back(
    view: Snapshot, plan: RunTest | SendNotification, hold: Hold, *, memory: TestHistory, now: float
) -> HeldBack:
    """Record in ``memory`` what is held back until when, and return the next step."""
    if isinstance(plan, SendNotification):
        memory.notify_after = hold.until or memory.notify_after
        return HeldBack(requeue_at=hold.until)
    if hold.until is not None:
        memory.hold, memory.waits_since = HeldUntil(view.generation, view.request, hold.until), None
    else:
        memory.waits_since = memory.waits_since or now
        announced = memory.waits_since + ANNOUNCED_AFTER
        if now < announced:
            return HeldBack(requeue_at=announced)
    status = held(view, plan.trigger, hold, now=now)
    return HeldBack(requeue_at=hold.until, status=None if status == view.status else status)
