# SPDX-License-Identifier: Apache-2.0
"""Create the Event and the log line of a verdict: an Event only if the verdict is new."""

import logging
from typing import Final

from smtp_operator.api.objects import EventRecord, ObjectVersion
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import ObjectStatus, SmtpConfigStatus
from smtp_operator.api.verdict import Mode, Verdict, cut
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiry_event
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.status import StatusUpdate

_log: Final = logging.getLogger("smtp_operator.verdict")

_OF_A_VAULT: Final = frozenset(
    {
        Reason.VAULT_SECRET_EXPIRING,
        Reason.VAULT_SECRET_EXPIRED,
        Reason.VAULT_SECRET_NOT_YET_VALID,
        Reason.VAULT_SECRET_CHANGING,
    }
)
"""Warnings of a vault about a password that it returns."""


def events_of_test(
    view: Snapshot, update: StatusUpdate, mode: Mode, *, memory: TestHistory, now: float
) -> tuple[EventRecord, ...]:
    """Return the Events of a test with this status update."""
    events = (
        verdict_event(view.status, view.version, update.verdict, action=f"Test{mode}"),
        password_event(view.status, update.status, view.version),
        expiry_event(view, update.status, memory=memory, now=now),
    )
    return tuple(it for it in events if it is not None)


def verdict_event(
    before: ObjectStatus, tested: ObjectVersion, verdict: Verdict | None, *, action: str
) -> EventRecord | None:
    """Return the Event of a verdict; None if there is no verdict, or if it is not new."""
    ready = before.condition("Ready")
    if verdict is None or (ready and (ready.status, ready.reason) == (verdict.status, str(verdict.reason))):
        return None
    return EventRecord(
        key=tested.key,
        kind=tested.kind,
        uid=tested.uid,
        type="Normal" if verdict.passed else "Warning",
        reason=str(verdict.reason),
        action=action,
        note=cut(verdict.message),
    )


def password_event(
    before: SmtpConfigStatus, after: SmtpConfigStatus, tested: ObjectVersion
) -> EventRecord | None:
    """Return the Event for a vault's warning about a password; None if there is none, or if it is not new."""
    old, new = before.condition("PasswordResolved"), after.condition("PasswordResolved")
    if new is None or new.status != "True" or new.reason not in _OF_A_VAULT:
        return None
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return None
    return EventRecord(
        key=tested.key,
        kind=tested.kind,
        uid=tested.uid,
        type="Warning",
        reason=new.reason,
        action="ReadPassword",
        note=cut(new.message),
    )


def log_verdict(view: Snapshot, outcome: TestResult) -> None:
    """Log one line for a test that has ended."""
    verdict = outcome.verdict
    _log.info(
        "%s: %s",
        view.key,
        verdict.summary,
        extra={
            "smtpconfig": str(view.key),
            "generation": view.generation,
            "trigger": str(outcome.trigger),
            "mode": str(outcome.mode),
            "passed": verdict.passed,
            "reason": str(verdict.reason),
            "duration_seconds": round(outcome.report.duration, 3),
        },
    )
