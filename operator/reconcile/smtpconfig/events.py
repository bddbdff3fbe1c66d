# SPDX-License-Identifier: Apache-2.0
"""Create the Events of a test of a SmtpConfig."""

from typing import Final

from smtp_operator.api.objects import EventRecord, ObjectVersion
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Mode
from smtp_operator.reconcile.events import condition_event, verdict_event
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiry_event
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.reconcile.state import StatusUpdate

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
    snapshot: Snapshot,
    update: StatusUpdate[SmtpConfigStatus],
    mode: Mode,
    *,
    state: SmtpConfigState,
    now: float,
) -> tuple[EventRecord, ...]:
    """Return the Events of a test with this status update."""
    events = (
        verdict_event(snapshot.status, snapshot.version, update.verdict, action=f"Test{mode}"),
        password_event(snapshot.status, update.status, snapshot.version),
        expiry_event(snapshot, update.status, state=state, now=now),
    )
    return tuple(it for it in events if it is not None)


def password_event(
    before: SmtpConfigStatus, after: SmtpConfigStatus, tested: ObjectVersion
) -> EventRecord | None:
    """Return the Event for a vault's warning about a password; None if there is none, or if it is not new."""
    old, new = before.condition("PasswordResolved"), after.condition("PasswordResolved")
    if new is None or new.status != "True" or new.reason not in _OF_A_VAULT:
        return None
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return None
    return condition_event(tested, new, action="ReadPassword", warning=True)
