# SPDX-License-Identifier: Apache-2.0
"""Derive the condition Delivered and ``status.delivery``. They never change another condition."""

from typing import Final, Literal, NamedTuple

from smtp_operator.api.durations import format_duration
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import Condition, DeliveryStatus, SmtpConfigStatus, TestedSettings
from smtp_operator.api.timestamps import to_precise_timestamp
from smtp_operator.api.verdict import cut
from smtp_operator.imap.request import Folder, FoundEmail
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.references.changes import settings_of_verdict
from smtp_operator.reconcile.smtpconfig.delivery import wording
from smtp_operator.reconcile.smtpconfig.delivery.settings import (
    CONDITION,
    current,
    deadline,
    digest,
    interval,
    is_pending,
    mailbox_snapshot,
    sent_at,
    within,
)
from smtp_operator.reconcile.smtpconfig.delivery.state import Attempt, DeliveryState, Finding
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState

_SPF_FAILED: Final = frozenset({"fail", "softfail", "permerror"})
_SHORT: Final = 32

ConditionStatus = Literal["True", "False", "Unknown"]


class Judgement(NamedTuple):
    """Content of the condition."""

    status: ConditionStatus
    reason: str
    message: str


def judged(status: ConditionStatus, reason: str, message: str) -> Judgement:
    """Return a judgement with a message that fits into a condition."""
    return Judgement(status, str(reason), cut(message))


class View(NamedTuple):
    """Content of status about the delivery."""

    delivery: DeliveryStatus | None
    judgement: Judgement | None
    """None: there is no condition."""


def is_outdated(snapshot: Snapshot, state: SmtpConfigState, *, now: float) -> bool:
    """Return whether status says something else than it should."""
    view, found = view_of(snapshot, state, now=now), snapshot.status.condition(CONDITION)
    stored = None if found is None else _judgement(found)
    return view != View(snapshot.status.delivery, stored)


def with_delivery(
    snapshot: Snapshot, status: SmtpConfigStatus, state: SmtpConfigState, *, now: float
) -> SmtpConfigStatus:
    """Return a status of this snapshot with what it should say of the delivery."""
    return _written(snapshot, status, view_of(snapshot, state, now=now), now=now)


def after_attempt(
    snapshot: Snapshot, status: SmtpConfigStatus, attempt: Attempt, *, now: float
) -> SmtpConfigStatus:
    """Return a status of this snapshot after an email to the address was tried."""
    return _written(snapshot, status, view_of_attempt(snapshot, attempt), now=now)


def before_data(snapshot: Snapshot, message_id: str, *, now: float) -> SmtpConfigStatus:
    """Return the status that is written before DATA: a later operator then sends no second email."""
    view = view_of_attempt(snapshot, Attempt(at=now, message_id=message_id))
    return _written(snapshot, snapshot.status, view, now=now)


def _written(snapshot: Snapshot, status: SmtpConfigStatus, view: View, *, now: float) -> SmtpConfigStatus:
    conditions = [it for it in status.conditions if it.type != CONDITION]
    if view.judgement is not None:
        write = ConditionWriter(snapshot.status, snapshot.generation, now)
        conditions.append(write.condition(CONDITION, *view.judgement))
    return status.model_copy(update={"delivery": view.delivery, "conditions": conditions})


def view_of_attempt(snapshot: Snapshot, attempt: Attempt) -> View:
    """Return what status says after an email was sent, or after its address was refused."""
    delivery = DeliveryStatus(
        message_id=attempt.message_id or None,
        sent_time=to_precise_timestamp(attempt.at),
        accepted=attempt.accepted or None,
        tested=TestedSettings(settings=digest(snapshot)),
    )
    if attempt.refusal is None:
        end = attempt.at + within(snapshot)
        return View(delivery, judged("Unknown", Reason.WAITING, wording.waiting(snapshot, end)))
    if attempt.of_address:
        return View(delivery, _false(Reason.ADDRESS_REFUSED, wording.address_refused(attempt.refusal)))
    message = wording.not_sent(snapshot, attempt.refusal)
    return View(delivery, judged("Unknown", Reason.NOT_SENT, message))


def view_of(snapshot: Snapshot, state: SmtpConfigState, *, now: float) -> View:
    """Return what status should say without a new email."""
    if snapshot.spec.delivery is None:
        return View(None, None)
    found, own = current(snapshot), state.delivery
    condition = snapshot.status.condition(CONDITION)
    if found is None or condition is None:
        return View(None, _without_email(snapshot, own))
    finding = None if own is None else own.finding
    if finding is not None and finding.message_id == found.message_id and found.seen_time is None:
        view = _of_finding(snapshot, found, finding)
        if view is not None:
            return view
    if not is_pending(snapshot, now):
        return View(found, _judgement(condition))
    if snapshot.spec.suspend:
        return View(found, judged("Unknown", Reason.SUSPENDED, wording.SUSPENDED))
    if condition.reason == Reason.MAILBOX_UNAVAILABLE and finding is None:
        return View(found, _judgement(condition))
    waiting = wording.waiting(snapshot, deadline(snapshot))
    cleared = found.model_copy(update={"mailbox_reason": None})
    return View(cleared, judged("Unknown", Reason.WAITING, waiting))


def _without_email(snapshot: Snapshot, own: DeliveryState | None) -> Judgement:
    if snapshot.spec.suspend:
        return judged("Unknown", Reason.SUSPENDED, wording.SUSPENDED)
    if own is not None and own.failed is not None and own.failed[0] == digest(snapshot):
        refusal = own.failed[1].refusal
        assert refusal is not None
        return judged("Unknown", Reason.NOT_SENT, wording.not_sent(snapshot, refusal))
    if snapshot.ready != "True":
        return judged("Unknown", Reason.NOT_SENT, wording.not_ready(snapshot))
    if interval(snapshot) is None:
        return judged("Unknown", Reason.NOT_SENT, wording.NO_SCHEDULE)
    return judged("Unknown", Reason.WAITING, wording.SOON)


def _of_finding(snapshot: Snapshot, sent: DeliveryStatus, finding: Finding) -> View | None:
    """Return what a finding means; None if the operator still waits for the email."""
    if finding.found is not None:
        return _found(snapshot, sent, finding, finding.found)
    if finding.bounce:
        return View(
            sent.model_copy(update={"bounce": finding.bounce}),
            _false(Reason.BOUNCED, wording.bounced(snapshot, finding.bounce)),
        )
    if finding.failure is not None:
        update = {
            "mailbox_reason": str(finding.failure.reason),
            "tested": settings_of_verdict(mailbox_snapshot(snapshot), finding.read).model_copy(
                update={"settings": digest(snapshot)}
            ),
        }
        text = wording.unavailable(snapshot, finding.failure)
        return View(sent.model_copy(update=update), judged("Unknown", Reason.MAILBOX_UNAVAILABLE, text))
    if not finding.ended:
        return None
    cleared = sent.model_copy(update={"mailbox_reason": None})
    message_id = sent.message_id or ""
    if not sent.accepted:
        text = wording.interrupted(message_id)
        return View(cleared, judged("Unknown", Reason.NOT_SENT, text))
    return View(cleared, _false(Reason.NOT_SEEN, wording.not_seen(snapshot, message_id, within(snapshot))))


def _found(snapshot: Snapshot, sent: DeliveryStatus, finding: Finding, found: FoundEmail) -> View:
    latency = max(0.0, finding.arrived - (sent_at(sent) or finding.arrived))
    results = found.results
    delivery = sent.model_copy(
        update={
            "accepted": True,
            "seen_time": to_precise_timestamp(finding.arrived),
            "latency": format_duration(latency),
            "folder": str(found.folder),
            "spf": results.spf[:_SHORT] or None,
            "dkim": results.dkim[:_SHORT] or None,
            "dmarc": results.dmarc[:_SHORT] or None,
            "authserv_id": results.authserv_id or None,
            "mailbox_reason": None,
        }
    )
    if latency > within(snapshot):
        text = wording.late(snapshot, found.folder, latency, within(snapshot))
        return View(delivery, _false(Reason.NOT_SEEN, text))
    authenticated = _authenticated(delivery)
    text = wording.arrived(snapshot, delivery, latency, authenticated=authenticated)
    if found.folder is Folder.JUNK:
        return View(delivery, _false(Reason.IN_JUNK, text))
    if not authenticated:
        return View(delivery, _false(Reason.SENDER_AUTHENTICATION_FAILED, text))
    return View(delivery, judged("True", Reason.IN_INBOX, text))


def _authenticated(found: DeliveryStatus) -> bool:
    """Return whether the receiver says neither that DMARC failed, nor that both SPF and DKIM failed."""
    if found.dmarc == "pass":
        return True
    return found.dmarc != "fail" and not (found.spf in _SPF_FAILED and found.dkim in wording.DKIM_FAILED)


def _false(reason: Reason, message: str) -> Judgement:
    return judged("False", reason, message)


def _judgement(condition: Condition) -> Judgement:
    return Judgement(condition.status, condition.reason, condition.message)
