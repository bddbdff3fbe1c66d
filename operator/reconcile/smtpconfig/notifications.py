# SPDX-License-Identifier: Apache-2.0
"""Which kinds of mail there is reason to send (``preferredNotifications``), and who hears of them.

A test's own mail tells of what it proves: that mail works again, that a new password does. What happens
where no test sends a mail (another mode, an expiring certificate) is told by a mail of its own. Status keeps
when each kind was last told of: once for each transition, and no more than once an hour.
"""

from collections.abc import Iterable
from typing import Final

from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.status import NotificationSent, SmtpConfigStatus
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.backoff import HOUR
from smtp_operator.reconcile.smtpconfig.memory import TestHistory
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.timestamps import from_timestamp, to_timestamp
from smtp_operator.smtp.request import Role

SPACING: Final = HOUR
"""Seconds between two mails of one kind."""

_TEST: Final = Notification.TEST_EMAIL
_RECOVERED: Final = Notification.RECOVERED
_ROTATED: Final = Notification.PASSWORD_ROTATED
_CERTIFICATE: Final = Notification.CERTIFICATE_EXPIRING


def kinds_of_test(view: Snapshot, trigger: Trigger, now: float) -> frozenset[Notification]:
    """What the mail of a test tells of, if it arrives."""
    news = _happened(view, trigger)
    return frozenset({_TEST, *(kind for kind in news if not _sent_recently(view.status, kind, now))})


def kinds_without_mail(view: Snapshot, outcome: TestResult) -> frozenset[Notification]:
    """What a test that passed at its full depth, but sent no mail, gives reason to tell of."""
    deep_enough = outcome.mode is view.spec.test.mode
    if not outcome.verdict.passed or outcome.mode is Mode.SEND_EMAIL or not deep_enough:
        return frozenset()
    happened = _happened(view, outcome.trigger)
    return frozenset(kind for kind in happened if not _sent_recently(view.status, kind, outcome.ended))


def due_notification(view: Snapshot, memory: TestHistory, now: float) -> Notification | None:
    """The next kind to tell of by a mail of its own; only while mail works, and somebody wants to hear."""
    if view.ready != "True" or view.spec.suspend or now < memory.notify_after:
        return None
    kinds = [
        *sorted(memory.pending_notifications),
        *([_CERTIFICATE] if _certificate_untold(view, now) else []),
    ]
    return next((kind for kind in kinds if has_recipients(view.spec, kind)), None)


def has_recipients(spec: SmtpConfigSpec, kind: Notification) -> bool:
    """Whether a mail of this kind, which is no test's, has a recipient."""
    return any(recipients_of_kind(spec, {kind}).values())


def recipients_of_kind(spec: SmtpConfigSpec, kinds: Iterable[Notification]) -> dict[Role, list[str]]:
    """The addresses by role. The mail of a test always has a To: the From address, where none is set."""
    wanted, told = set(spec.preferred_notifications), set(kinds)
    copies = bool(wanted & told)
    to = list(spec.recipients.to)
    if not to and _TEST in told:
        to = [bare_address(spec.from_)]
    return {
        "to": to,
        "cc": list(spec.recipients.cc) if copies else [],
        "bcc": list(spec.recipients.bcc) if copies else [],
    }


def bare_address(from_: str) -> str:
    """``spec.from`` without its display name."""
    return from_.rpartition("<")[2].removesuffix(">").strip()


def recorded(
    status: SmtpConfigStatus, kinds: Iterable[Notification], *, now: float, about: str | None = None
) -> list[NotificationSent] | None:
    """``status.notifications`` after a mail of these kinds was accepted."""
    told = {it.kind: it for it in status.notifications or ()}
    for kind in set(kinds) - {_TEST}:
        told[kind] = NotificationSent(kind=kind, time=to_timestamp(now), about=about)
    return [told[kind] for kind in sorted(told)] or None


def is_recovery(view: Snapshot) -> bool:
    """Whether the next test that passes ends an outage: mail had worked, and the last test failed."""
    worked, last = from_timestamp(view.status.last_success_time), view.last_test_started
    return view.ready != "True" and worked is not None and last is not None and last > worked


def _happened(view: Snapshot, trigger: Trigger) -> list[Notification]:
    recovered = [_RECOVERED] if is_recovery(view) else []
    return [*recovered, *([_ROTATED] if trigger is Trigger.PASSWORD_CHANGED else [])]


def _certificate_untold(view: Snapshot, now: float) -> bool:
    expires = view.status.certificate_expiring
    ends = from_timestamp(expires)
    if ends is None or ends <= now or _sent_recently(view.status, _CERTIFICATE, now):
        return False
    told = _was_sent(view.status, _CERTIFICATE)
    return told is None or told.about != expires


def _was_sent(status: SmtpConfigStatus, kind: Notification) -> NotificationSent | None:
    return next((it for it in status.notifications or () if it.kind == kind), None)


def _sent_recently(status: SmtpConfigStatus, kind: Notification, now: float) -> bool:
    told = _was_sent(status, kind)
    at = from_timestamp(told.time) if told else None
    return at is not None and at <= now < at + SPACING  # one of the future was timed by a wrong clock
