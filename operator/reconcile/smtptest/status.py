# SPDX-License-Identifier: Apache-2.0
"""Derive the status of a SmtpTest. A failed one is always stalled, because nothing is retried."""

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.smtpconfig import status_fields
from smtp_operator.reconcile.smtpconfig.mail_text import message_id
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.status import password_condition, under_test


def status_after_smtp_test(
    before: SmtpConfigStatus, generation: int, result: TestResult, verdict: Verdict
) -> SmtpConfigStatus:
    """Return the status after the test; ``verdict`` is that of the result, in the words for a SmtpTest."""
    write = ConditionWriter(before, generation, result.ended)
    conditions = status_after_verdict(before, generation, verdict, now=result.ended).conditions
    if result.password is not None:
        conditions = [*conditions, password_condition(write, result.password)]
    return SmtpConfigStatus(
        observed_generation=generation,
        conditions=conditions,
        summary=verdict.summary,
        last_test=status_fields.last_test(result),
        password=status_fields.password_read(result),
        suggestion=status_fields.suggestion(verdict),
    )


def status_after_verdict(
    before: SmtpConfigStatus, generation: int, verdict: Verdict, *, now: float
) -> SmtpConfigStatus:
    """Return the status after a verdict without a dialogue; ``now`` is in seconds since the epoch."""
    write = ConditionWriter(before, generation, now)
    if verdict.passed:
        conditions = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    else:
        conditions = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=True)]
    return SmtpConfigStatus(observed_generation=generation, conditions=conditions, summary=verdict.summary)


def before_data(tested: Snapshot, test: RunTest, *, started: float, now: float) -> SmtpConfigStatus:
    """Return the status that is written before DATA: a later operator then knows of the email."""
    status = of_smtp_test(under_test(tested, test, phase=Phase.DATA, started=started, now=now))
    assert status.current_test is not None
    current = status.current_test.model_copy(update={"message_id": message_id(tested)})
    return status.model_copy(update={"current_test": current})


def of_smtp_test(status: SmtpConfigStatus) -> SmtpConfigStatus:
    """Return a status without the fields that only a SmtpConfig has."""
    return status.model_copy(update={"effective": None})


def interrupted(status: SmtpConfigStatus) -> Verdict:
    """Return the verdict on a test that came to DATA and whose operator stopped before the verdict."""
    current = status.current_test
    found = f" with Message-ID {current.message_id}" if current is not None and current.message_id else ""
    return _verdict(
        Reason.INTERRUPTED,
        f"The operator stopped while the email{found} was sent [in Data]; the mail server may have accepted"
        " it. Check whether the email has arrived. If not, create another SmtpTest.",
        phase=Phase.DATA,
    )


def too_many(namespace: str, limit: int) -> Verdict:
    """Return the verdict on a SmtpTest beyond those that may wait."""
    return _verdict(
        Reason.TOO_MANY_TESTS,
        f"Not tested: {limit:,} SmtpTests of namespace {namespace} are already waiting. Delete those that are"
        " not needed, then create another SmtpTest.",
    )


def _verdict(reason: Reason, message: str, *, phase: Phase | None = None) -> Verdict:
    return Verdict(reason=reason, message=message, retry=REASONS[reason].retry, phase=phase)
