# SPDX-License-Identifier: Apache-2.0
"""Keep the condition SenderAuthentication up to date. It is advisory: no verdict waits for it.

The records are read with each test of ``test.mode``, and once a day. A report that arrives after the status
of the test is written separately.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from smtp_operator.api.status import Condition, SmtpConfigStatus
from smtp_operator.reconcile.backoff import DAY, MINUTE, fraction
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.sender_authentication.names import is_public
from smtp_operator.sender_authentication.report import CONDITION, OF_SPF_ALONE, Sender, SenderReport
from smtp_operator.smtp.message.addresses import AddressInvalid, parse_mailbox

_AGAIN: Final = 10 * MINUTE
"""Seconds until unread records are read again; after a start, the first ones are spread over this time."""


@dataclass(frozen=True, slots=True)
class CheckSender:
    """Start to read the records of the sender."""


@dataclass(frozen=True, slots=True)
class ReportSender:
    """Write what a check has found, or remove what no longer applies."""


@dataclass(slots=True)
class SenderState:
    """State of an object's sender between reconciliations, in addition to its status."""

    enabled: bool = False
    """Whether the operator reads records of senders (``--sender-authentication``)."""
    requested: Sender | None = None
    """The sender whose records are being read."""
    report: SenderReport | None = None
    """A report that status does not have yet."""
    checked_at: float = 0.0
    """When the last report arrived, in seconds since the epoch."""
    test_running: bool = False
    """Whether a test is running, whose status will have the report."""

    def record(self, report: SenderReport, *, at: float) -> bool:
        """Record a report that arrives; return whether no running test will write it."""
        if report.sender != self.requested:  # the settings have changed meanwhile
            return False
        self.requested, self.report, self.checked_at = None, report, at
        return not self.test_running

    def written(self, status: SmtpConfigStatus) -> None:
        """Forget the report that status has."""
        present = status.condition(CONDITION)
        if self.report is None or present is None:
            return
        verdicts = (self.report.verdict(dmarc_passed=passed) for passed in (False, True))
        if any((it.reason, it.message) == (present.reason, present.message) for it in verdicts):
            self.report = None


@lru_cache(maxsize=4096)
def _sender(from_: str, server: str) -> Sender | None:
    try:
        domain = parse_mailbox(from_).domain.lower()
    except AddressInvalid:
        return None
    return Sender(domain, server) if is_public(domain) else None


def sender_of(snapshot: Snapshot) -> Sender | None:
    """Return the sender whose records receivers look up; None if its domain is not public."""
    return _sender(snapshot.spec.from_, snapshot.spec.server)


def sender_condition(snapshot: Snapshot, state: SenderState, now: float) -> Condition | None:
    """Return the condition that status should have; None if it should have none."""
    sender = sender_of(snapshot)
    if not state.enabled or sender is None:
        return None
    report = state.report
    if report is None or report.sender != sender:
        return snapshot.status.condition(CONDITION) if snapshot.has_verdict else None
    verdict = report.verdict(dmarc_passed=_dmarc_passed(snapshot.status))
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    return write.condition(CONDITION, verdict.status, verdict.reason, verdict.message)


def with_sender(
    status: SmtpConfigStatus, snapshot: Snapshot, state: SenderState, now: float
) -> SmtpConfigStatus:
    """Return a status with the condition that it should have."""
    wanted = sender_condition(snapshot, state, now)
    if wanted is None and status.condition(CONDITION) is None:
        return status
    others = [it for it in status.conditions if it.type != CONDITION]
    return status.model_copy(update={"conditions": others if wanted is None else [*others, wanted]})


def next_step(
    snapshot: Snapshot, state: SenderState, *, now: float, started: float
) -> CheckSender | ReportSender | float | None:
    """Return the next step for the condition, or when to decide again (seconds since the epoch)."""
    present, wanted = snapshot.status.condition(CONDITION), sender_condition(snapshot, state, now)
    if _content(present) != _content(wanted):
        return ReportSender()
    if not state.enabled or state.requested is not None or sender_of(snapshot) is None:
        return None
    due = _due(snapshot, present, state, started=started)
    return CheckSender() if due <= now else due


def _content(condition: Condition | None) -> tuple[str, str, str] | None:
    return None if condition is None else (condition.status, condition.reason, condition.message)


def _due(snapshot: Snapshot, present: Condition | None, state: SenderState, *, started: float) -> float:
    """Return when to read the records again.

    Each object has its time of the day, so that frequent restarts neither skip checks nor add any.
    """
    share = fraction(snapshot.version.uid)
    if present is None or present.status == "Unknown":
        return state.checked_at + _AGAIN if state.checked_at else started + _AGAIN * share
    if present.reason in OF_SPF_ALONE and _dmarc_passed(snapshot.status):
        return 0.0
    last = max(state.checked_at, started)
    return last + DAY - (last - share * DAY) % DAY


def _dmarc_passed(status: SmtpConfigStatus) -> bool:
    """Return whether a receiver has seen DMARC pass for the last email of ``spec.delivery``."""
    return status.delivery is not None and status.delivery.dmarc == "pass"
