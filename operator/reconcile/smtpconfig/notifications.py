# SPDX-License-Identifier: Apache-2.0
"""Decide which kinds of email to send (``preferredNotifications``), and to which recipients.

A test's email also reports what the test proves: email works again, or a new password works. If no test sends
an email (in another mode, or for an expiring certificate), a separate email reports it. Status stores when
each kind was last reported: each transition once, and each kind at most once an hour.
"""

from collections.abc import Iterable
from typing import Final

from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.status import NotificationSent, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.backoff import HOUR
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState
from smtp_operator.smtp.request import Role

SPACING: Final = HOUR
"""Seconds between two emails of one kind."""

_TEST: Final = Notification.TEST_EMAIL
_RECOVERED: Final = Notification.RECOVERED
_ROTATED: Final = Notification.PASSWORD_ROTATED
_CERTIFICATE: Final = Notification.CERTIFICATE_EXPIRING


def kinds_of_test(snapshot: Snapshot, trigger: Trigger, now: float) -> frozenset[Notification]:
    """Return the kinds that the email of a test reports if it arrives."""
    transitions = _transitions(snapshot, trigger)
    return frozenset({_TEST, *(it for it in transitions if not _sent_recently(snapshot.status, it, now))})


def kinds_without_mail(snapshot: Snapshot, outcome: TestResult) -> frozenset[Notification]:
    """Return the kinds to report after a test that passed at its full depth but sent no email."""
    deep_enough = outcome.mode is snapshot.spec.test.mode
    if not outcome.verdict.passed or outcome.mode is Mode.SEND_EMAIL or not deep_enough:
        return frozenset()
    transitions = _transitions(snapshot, outcome.trigger)
    return frozenset(it for it in transitions if not _sent_recently(snapshot.status, it, outcome.ended))


def due_notification(snapshot: Snapshot, state: SmtpConfigState, now: float) -> Notification | None:
    """Return the next kind to report in a separate email; None if email fails or has no recipient."""
    if snapshot.ready != "True" or snapshot.spec.suspend or now < state.notify_after:
        return None
    kinds = [
        *sorted(state.pending_notifications),
        *([_CERTIFICATE] if _certificate_unreported(snapshot, now) else []),
    ]
    return next((kind for kind in kinds if has_recipients(snapshot.spec, kind)), None)


def has_recipients(spec: SmtpConfigSpec, kind: Notification) -> bool:
    """Return whether a separate email of this kind has a recipient."""
    return any(recipients_of_kind(spec, {kind}).values())


def recipients_of_kind(spec: SmtpConfigSpec, kinds: Iterable[Notification]) -> dict[Role, list[str]]:
    """Return the addresses by role. A test email always has a To: by default, the From address."""
    kinds = set(kinds)
    copies = bool(kinds & set(spec.preferred_notifications))
    to = list(spec.recipients.to)
    if not to and _TEST in kinds:
        to = [bare_address(spec.from_)]
    return {
        "to": to,
        "cc": list(spec.recipients.cc) if copies else [],
        "bcc": list(spec.recipients.bcc) if copies else [],
    }


def bare_address(from_: str) -> str:
    """Return ``spec.from`` without its display name."""
    return from_.rpartition("<")[2].removesuffix(">").strip()


def recorded(
    status: SmtpConfigStatus, kinds: Iterable[Notification], *, now: float, about: str | None = None
) -> list[NotificationSent] | None:
    """Return ``status.notifications`` after the mail server accepted an email of these kinds."""
    sent = {it.kind: it for it in status.notifications or ()}
    for kind in set(kinds) - {_TEST}:
        sent[kind] = NotificationSent(kind=kind, time=to_timestamp(now), about=about)
    return [sent[kind] for kind in sorted(sent)] or None


def is_recovery(snapshot: Snapshot) -> bool:
    """Return whether a passed test would end an outage: email worked before, and the last test failed."""
    if snapshot.ready == "True":
        return False
    success, last = from_timestamp(snapshot.status.last_success_time), snapshot.last_test_started
    return success is not None and last is not None and last > success


def _transitions(snapshot: Snapshot, trigger: Trigger) -> list[Notification]:
    recovered = [_RECOVERED] if is_recovery(snapshot) else []
    return [*recovered, *([_ROTATED] if trigger is Trigger.PASSWORD_CHANGED else [])]


def _certificate_unreported(snapshot: Snapshot, now: float) -> bool:
    expires = snapshot.status.certificate_expiring
    ends = from_timestamp(expires)
    if ends is None or ends <= now or _sent_recently(snapshot.status, _CERTIFICATE, now):
        return False
    sent = _last_sent(snapshot.status, _CERTIFICATE)
    return sent is None or sent.about != expires


def _last_sent(status: SmtpConfigStatus, kind: Notification) -> NotificationSent | None:
    return next((it for it in status.notifications or () if it.kind == kind), None)


def _sent_recently(status: SmtpConfigStatus, kind: Notification, now: float) -> bool:
    sent = _last_sent(status, kind)
    at = from_timestamp(sent.time) if sent else None
    return at is not None and at <= now < at + SPACING  # a future time was written with a wrong clock
