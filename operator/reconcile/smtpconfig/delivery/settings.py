# SPDX-License-Identifier: Apache-2.0
"""Derive what ``spec.delivery`` means: times, the digest of its settings, and the login to the mailbox."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic.main import IncEx

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.smtpconfig import SmtpConfigSpec, TestSettings
from smtp_operator.api.status import DeliveryStatus, LastTest, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.reconcile.backoff import DAY, recheck_delay
from smtp_operator.reconcile.digest import digest_of, settings_digest
from smtp_operator.reconcile.references.uses import ReferenceUse, mailbox_settings, references_of
from smtp_operator.reconcile.smtpconfig.notifications import bare_address
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import retry_of

CONDITION: Final = "Delivered"
_NOT_IN_DIGEST: Final[Mapping[str, IncEx | bool]] = {
    "within": True,
    "interval": True,
    "mailbox": {"keep": True, "password": {"value"}},
}
"""Fields whose change alone keeps the result of the last email."""


def digest(snapshot: Snapshot) -> str:
    """Return the SHA-256 of the settings that the result of an email depends on, without inline passwords.

    With an inline password of the mailbox, each generation has another digest.
    """
    delivery = snapshot.spec.delivery
    assert delivery is not None
    settings = delivery.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_NOT_IN_DIGEST)
    password = delivery.mailbox.password
    inline = password is not None and password.value is not None
    return digest_of(
        {
            "test": settings_digest(snapshot.spec.model_copy(update={"test": TestSettings()})),
            "delivery": settings,
            "generation": snapshot.generation if inline else 0,
        }
    )


def within(snapshot: Snapshot) -> float:
    """Return the seconds within which an email must arrive."""
    assert snapshot.spec.delivery is not None
    return parse_duration(snapshot.spec.delivery.within)


def interval(snapshot: Snapshot) -> float | None:
    """Return the seconds between two emails of the schedule; None: tests alone send emails."""
    assert snapshot.spec.delivery is not None
    return recheck_delay(snapshot.version.uid, parse_duration(snapshot.spec.delivery.interval))


def current(snapshot: Snapshot) -> DeliveryStatus | None:
    """Return the last email and its result, if it was sent with the present settings; else None."""
    found = snapshot.status.delivery
    if found is None or snapshot.spec.delivery is None or found.tested is None:
        return None
    return found if found.tested.settings == digest(snapshot) else None


def sent_at(found: DeliveryStatus | None) -> float | None:
    """Return when an email was sent, in seconds since the epoch."""
    return None if found is None else from_timestamp(found.sent_time)


def deadline(snapshot: Snapshot) -> float:
    """Return when the last email must have arrived, in seconds since the epoch."""
    return (sent_at(snapshot.status.delivery) or 0.0) + within(snapshot)


def login_refused(found: DeliveryStatus | None) -> bool:
    """Return whether the mailbox has rejected the login: it must not be repeated soon (rule 7)."""
    return found is not None and retry_of(found.mailbox_reason or "") is Retry.AUTHENTICATION


def is_pending(snapshot: Snapshot, now: float) -> bool:
    """Return whether the operator still looks for the last email."""
    found, condition = current(snapshot), snapshot.status.condition(CONDITION)
    if found is None or condition is None or found.message_id is None or found.seen_time is not None:
        return False
    if condition.reason in (Reason.WAITING, Reason.SUSPENDED):
        return True
    unavailable = condition.reason == Reason.MAILBOX_UNAVAILABLE
    return unavailable and not login_refused(found) and now < deadline(snapshot)


def login_held(snapshot: Snapshot, now: float) -> bool:
    """Return whether a rejected login to the mailbox must not be repeated yet."""
    found = current(snapshot)
    return login_refused(found) and now < (sent_at(found) or 0.0) + DAY


def returns_to_sender(spec: SmtpConfigSpec) -> bool:
    """Return whether bounces arrive in the mailbox: its address is the From address."""
    return spec.delivery is not None and (bare_address(spec.from_).lower() == spec.delivery.address.lower())


def mailbox_uses(spec: SmtpConfigSpec, namespace: str) -> tuple[ReferenceUse, ...]:
    """Return the objects that the login to the mailbox needs."""
    found = mailbox_settings(spec)
    return () if found is None else references_of(found, namespace)


def mailbox_snapshot(snapshot: Snapshot) -> Snapshot:
    """Return the mailbox as if it was a SmtpConfig, for the code that reads passwords and finds changes."""
    settings, found = mailbox_settings(snapshot.spec), current(snapshot)
    assert settings is not None
    status = SmtpConfigStatus()
    if found is not None and found.sent_time is not None:
        last = LastTest(trigger="", start_time=found.sent_time)
        status = SmtpConfigStatus(tested=found.tested, last_test=last)
    return replace(
        snapshot,
        spec=settings,
        status=status,
        uses=references_of(settings, snapshot.key.namespace),
        request=None,
    )
