# SPDX-License-Identifier: Apache-2.0
"""Add ``delivery.address`` to the email of a test, and read from its report what became of it."""

from collections.abc import Collection
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import DialogueReport, Phase, Verdict, failed
from smtp_operator.reconcile.backoff import DAY, HOUR, MINUTE
from smtp_operator.reconcile.smtpconfig.delivery.state import Attempt, DeliveryState
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.smtp.message.addresses import AddressInvalid, parse_address
from smtp_operator.smtp.request import Recipient

_PAUSES: Final = (15 * MINUTE, HOUR, 4 * HOUR, DAY)
"""Seconds after the first, second … failed email of the schedule; the last one repeats."""


def recipient_of(snapshot: Snapshot) -> Recipient:
    """Return ``delivery.address`` as the only recipient of an email."""
    assert snapshot.spec.delivery is not None
    return Recipient(role="delivery", index=0, address=snapshot.spec.delivery.address)


def with_address(
    snapshot: Snapshot, recipients: tuple[Recipient, ...], domains: Collection[str]
) -> tuple[Recipient, ...]:
    """Return the recipients of a test and ``delivery.address``, unless it is one or is not allowed."""
    extra = recipient_of(snapshot)
    is_listed = any(it.address.lower() == extra.address.lower() for it in recipients)
    if is_listed or problem_with(extra.address, domains) is not None:
        return recipients
    return (*recipients, extra)


def problem_with(address: str, domains: Collection[str]) -> Verdict | None:
    """Return why the operator may not or cannot send to the address; None: it can."""
    try:
        domain = parse_address(address).domain
    except AddressInvalid as error:
        return failed(
            Reason.INVALID_RECIPIENT_ADDRESS, f'delivery.address "{address}" {error}.', phase=None
        ).verdict
    if not domains or domain.lower() in domains:
        return None
    return failed(
        Reason.RECIPIENT_NOT_ALLOWED,
        "The domain of delivery.address is not among the domains that this operator may send to:"
        f" {', '.join(domains)}. Set delivery.address: an address in these domains, or ask a cluster admin to"
        " add the domain to --allow-recipient-domain.",
        phase=None,
    ).verdict


def attempt_of_test(
    snapshot: Snapshot,
    report: DialogueReport,
    recipients: tuple[Recipient, ...],
    domains: Collection[str],
    *,
    ended: float,
) -> Attempt | None:
    """Return the attempt that the email of a test was; None if no email was sent to anyone."""
    if not _was_sent(report):
        return None
    assert snapshot.spec.delivery is not None
    address = snapshot.spec.delivery.address.lower()
    problem = problem_with(address, domains)
    if problem is not None:
        return Attempt(at=ended, refusal=problem)
    extra = report.delivery_address
    if extra is not None and extra.refusal is not None:
        return _refused(extra.refusal, at=ended)
    named = next((it for it in recipients if it.address.lower() == address), None)
    results = {(it.role, it.index): it.accepted for it in report.recipients}
    if named is not None and not results.get((named.role, named.index), True):
        return _refused(report.verdict, at=ended)
    return _sent(report, ended=ended)


def attempt_of_email(report: DialogueReport, *, sent: float | None, ended: float) -> Attempt:
    """Return the attempt that an email to the address alone was; ``sent`` is the time in status, if any."""
    if _was_sent(report):
        found = _sent(report, ended=ended)
        return (
            found if sent is None else Attempt(at=sent, message_id=found.message_id, accepted=found.accepted)
        )
    if report.verdict.phase is Phase.RCPT_TO and not report.verdict.retry.is_transient:
        return _refused(report.verdict, at=ended)
    return Attempt(at=ended, refusal=report.verdict)


def _was_sent(report: DialogueReport) -> bool:
    verdict = report.verdict
    return (
        verdict.passed
        or verdict.reason is Reason.RECIPIENTS_PARTIALLY_REFUSED
        or verdict.retry is Retry.UNKNOWN_DELIVERY
    )


def _sent(report: DialogueReport, *, ended: float) -> Attempt:
    data = sum(timing.seconds for timing in report.phases if timing.phase is Phase.DATA)
    unknown = report.verdict.retry is Retry.UNKNOWN_DELIVERY
    return Attempt(at=ended - data, message_id=report.message_id, accepted=not unknown)


def _refused(refusal: Verdict, *, at: float) -> Attempt:
    return Attempt(at=at, refusal=refusal, of_address=not refusal.retry.is_transient)


def record(own: DeliveryState, attempt: Attempt, digest: str, *, now: float) -> None:
    """Record an attempt: after a failed one, the next email of the schedule waits."""
    own.finding = None
    if attempt.refusal is None or attempt.of_address:
        own.failed, own.failures, own.retry_at = None, 0, 0.0
        return
    own.failed = (digest, attempt)
    own.retry_at = now + _PAUSES[min(own.failures, len(_PAUSES) - 1)]
    own.failures += 1
