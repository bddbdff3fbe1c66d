# SPDX-License-Identifier: Apache-2.0
"""Decide the next step of a delivery test: a pure function of spec, status, state and time."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.backoff import DAY, due_time
from smtp_operator.reconcile.smtpconfig.delivery.settings import (
    current,
    digest,
    interval,
    is_pending,
    login_held,
    login_refused,
    sent_at,
)
from smtp_operator.reconcile.smtpconfig.delivery.status import is_outdated
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState

_ASKED_FOR: Final = frozenset({Trigger.SPEC_CHANGED, Trigger.REQUESTED})
"""Triggers after which a rejected login to the mailbox is repeated (rule 7)."""


@dataclass(frozen=True, slots=True)
class SendDelivery:
    """Send an email to ``delivery.address`` alone."""


@dataclass(frozen=True, slots=True)
class WatchMailbox:
    """Look for the last email in the mailbox, in the background."""


DeliveryAction = SendDelivery | WatchMailbox | RefreshStatus | Wait


def joins(snapshot: Snapshot, trigger: Trigger, mode: Mode, *, now: float) -> bool:
    """Return whether the email of a test is a delivery test too: ``delivery.address`` receives it."""
    if snapshot.spec.delivery is None or mode is not Mode.SEND_EMAIL or is_pending(snapshot, now):
        return False
    return trigger in _ASKED_FOR or not login_held(snapshot, now)


def delivery_step(
    snapshot: Snapshot,
    state: SmtpConfigState,
    *,
    now: float,
    started: float,
    mailbox_changed: bool,
    watched: str | None,
) -> DeliveryAction:
    """Return the next step for an object whose settings need no test now.

    ``mailbox_changed``: an object that the login to the mailbox needs has changed since the last email.
    ``watched``: the Message-ID that a running watch looks for.
    """
    if is_outdated(snapshot, state, now=now):
        return RefreshStatus()
    if snapshot.spec.delivery is None or snapshot.spec.suspend or not snapshot.has_verdict:
        return Wait(None)
    if is_pending(snapshot, now):
        assert snapshot.status.delivery is not None
        same = watched is not None and watched == snapshot.status.delivery.message_id
        return Wait(None) if same else WatchMailbox()
    due = _next_email(snapshot, state, now=now, started=started, mailbox_changed=mailbox_changed)
    if due is None:
        return Wait(None)
    return SendDelivery() if due <= now else Wait(due)


def _next_email(
    snapshot: Snapshot, state: SmtpConfigState, *, now: float, started: float, mailbox_changed: bool
) -> float | None:
    """Return when the next email of the schedule is due, in seconds since the epoch; None: never."""
    pause, own = interval(snapshot), state.delivery
    if pause is None or snapshot.ready != "True":
        return None
    failed = own is not None and own.failed is not None and own.failed[0] == digest(snapshot)
    earliest = own.retry_at if own is not None and failed else 0.0
    found = current(snapshot)
    sent = sent_at(found)
    if sent is None or (mailbox_changed and found is not None and found.mailbox_reason is not None):
        return earliest
    if sent > now:  # written with a wrong clock
        return max(earliest, now)
    due = earliest if failed and earliest else sent + pause
    if login_refused(found):
        due = max(due, sent + DAY)
    if due < started:
        due = due_time(due, uid=snapshot.version.uid, interval=pause, started=started, now=now)
    return due
