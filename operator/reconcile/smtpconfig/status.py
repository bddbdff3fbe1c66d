# SPDX-License-Identifier: Apache-2.0
"""Derive the status that users read from a verdict. Rules are numbered as in ``docs/reference/status.md``."""

from typing import Any, Final, Literal

from smtp_operator.api.reasons import LIMITED, Reason, Retry
from smtp_operator.api.status import Condition, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.api.verdict import Phase, Trigger, Verdict
from smtp_operator.reconcile.backoff import delay_after, recheck_delay, stalled
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.limits.hold import Hold
from smtp_operator.reconcile.references.changes import settings_of_verdict
from smtp_operator.reconcile.smtpconfig import status_fields
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiring_after_test, expiring_by_clock
from smtp_operator.reconcile.smtpconfig.notifications import recorded
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.result import PasswordResult, TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState, retry_of
from smtp_operator.reconcile.state import StatusUpdate
from smtp_operator.sender_authentication.report import CONDITION as SENDER_AUTHENTICATION

ADVISORY: Final = (SENDER_AUTHENTICATION,)
"""Conditions that do not depend on the test; they stay as long as the settings."""

_INDEPENDENT: Final = ("Published", "Delivered")
"""Conditions that a test reports on when it has ended; until then they stay as they are."""

_BY_INTERVAL: Final = frozenset({Retry.CONFIGURATION, Retry.POLICY, Retry.DEPENDENCY, Retry.UNKNOWN_DELIVERY})
"""Failures whose next test depends on ``recheck.interval``, which may have changed."""


def status_after_test(
    snapshot: Snapshot, outcome: TestResult, *, state: SmtpConfigState, watched: bool
) -> StatusUpdate[SmtpConfigStatus]:
    """Return the status after a test, which ``state`` already counts."""
    verdict, now = outcome.verdict, outcome.ended
    had_passed = snapshot.has_verdict and snapshot.ready == "True"
    holds = had_passed and _verdict_holds(snapshot, outcome, state)
    delay = delay_after(
        verdict,
        uid=snapshot.version.uid,
        interval=snapshot.interval,
        failures=state.failures,
        refusals=state.refusals,
        had_passed=had_passed and outcome.trigger is not Trigger.PASSWORD_CHANGED,
        watched=watched,
    )
    update: dict[str, object] = {
        "observed_generation": snapshot.generation,
        "tested": settings_of_verdict(
            snapshot, outcome.read, previous=snapshot.tested_versions if holds else {}
        ),
        "last_test": status_fields.last_test(outcome),
        "next_test_time": None if delay is None else to_timestamp(now + delay),
        "current_test": None,
        "effective": snapshot.effective,
        "certificate_expiring": expiring_after_test(snapshot, outcome),
    }
    if outcome.notified:
        update["notifications"] = recorded(snapshot.status, outcome.notified, now=now)
    if outcome.request is not None:
        update["last_handled_test_request"] = outcome.request
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    if holds and not verdict.passed:
        update["conditions"] = write.kept("Ready", "PasswordResolved")
        return StatusUpdate(snapshot.status.model_copy(update=update), None)
    if holds:
        conditions = write.kept("Ready")
    elif verdict.passed:
        conditions = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    else:
        stalls = _stalls(snapshot, verdict, state=state, retried=delay is not None, now=now)
        conditions = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=stalls)]
    if outcome.password is not None:
        conditions.append(password_condition(write, outcome.password))
    update |= {"conditions": conditions, "password": status_fields.password_read(outcome)}
    if not holds:
        update |= {"summary": verdict.summary, "suggestion": status_fields.suggestion(verdict)}
    if verdict.passed:
        update["last_success_time"] = to_timestamp(now)
    return StatusUpdate(snapshot.status.model_copy(update=update), None if holds else verdict)


def _verdict_holds(snapshot: Snapshot, outcome: TestResult, state: SmtpConfigState) -> bool:
    """Return whether a verdict Ready=True survives this test."""
    if outcome.verdict.passed:
        return outcome.mode.depth < snapshot.spec.test.mode.depth  # rule 1: the test proved less
    is_recheck = outcome.trigger is Trigger.RECHECK or outcome.mode.depth < snapshot.spec.test.mode.depth
    nothing_read = outcome.verdict.phase is Phase.PASSWORD and not _is_outage(outcome.verdict)
    if not outcome.verdict.retry.is_transient or nothing_read or not is_recheck:
        return False
    return state.tolerates_failure(outcome.ended, interval=snapshot.interval)


def _is_outage(verdict: Verdict) -> bool:
    """Return whether a vault was unavailable, which says nothing about its password."""
    return verdict.retry is Retry.TRANSIENT or verdict.reason is Reason.VAULT_TLS_FAILED


def _stalls(
    snapshot: Snapshot, verdict: Verdict, *, state: SmtpConfigState, retried: bool, now: float
) -> bool:
    if snapshot.spec.suspend:
        return True  # a suspended object has no retries
    waited = now - state.generation_appeared(snapshot)
    return stalled(verdict, refusals=state.refusals_of(snapshot), waited=waited, retried=retried)


def refreshed_status(
    snapshot: Snapshot, *, state: SmtpConfigState, watched: bool, now: float
) -> SmtpConfigStatus:
    """Return the status without a test: after a carried-over verdict, a suspension or the end of a wait."""
    if not snapshot.has_verdict and not snapshot.spec.suspend:  # a test follows
        return snapshot.status.model_copy(update={"current_test": None})
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    failure = _failure(snapshot)
    update: dict[str, Any] = {
        "current_test": None,
        "observed_generation": snapshot.generation,
        "effective": snapshot.effective,
        "certificate_expiring": expiring_by_clock(snapshot, now),
        **_summary_again(snapshot),
    }
    if not snapshot.has_verdict:
        text = "Not tested: spec.suspend is true. Set suspend: false to have these settings tested."
        update |= {
            "conditions": [write.condition("Ready", "Unknown", Reason.SUSPENDED, text)],
            "summary": str(Reason.SUSPENDED),
            "next_test_time": None,
            "suggestion": None,
        }
    elif snapshot.ready == "True":
        update |= {
            "conditions": write.kept("Ready", "PasswordResolved"),
            "next_test_time": _next_recheck(snapshot, state, now),
        }
    elif failure is not None:
        next_test = _next_test_after(failure, snapshot, state, watched=watched, now=now)
        stalls = _stalls(snapshot, failure, state=state, retried=next_test is not None, now=now)
        update |= {
            "conditions": [
                *write.kept("Ready", "Failed"),
                write.reconciling_and_stalled(failure, stalls=stalls),
                *write.kept("PasswordResolved"),
            ],
            "next_test_time": next_test,
        }
    else:
        kinds = ("Ready", "Failed", "Reconciling", "Stalled", "PasswordResolved")
        update["conditions"] = write.kept(*kinds)
    if snapshot.has_verdict:
        update["conditions"] = [*update["conditions"], *write.kept(*ADVISORY)]
    return snapshot.status.model_copy(update=update)


def _failure(snapshot: Snapshot) -> Verdict | None:
    """Return the failed verdict in status; None if there is none, or if this release does not know it."""
    ready = snapshot.status.condition("Ready")
    if ready is None or (retry := retry_of(ready.reason)) is None:
        return None
    last = snapshot.status.last_test
    name = last and (last.phase or (last.phases[-1].name if last.phases else None))
    phase = Phase(name) if name in tuple(Phase) else None
    return Verdict(reason=Reason(ready.reason), message=ready.message, retry=retry, phase=phase)


def _next_recheck(snapshot: Snapshot, state: SmtpConfigState, now: float) -> str | None:
    """Return the time of the next recheck; the interval may have changed."""
    start = _start_of_delay(snapshot, now)
    if start is None:
        return snapshot.status.next_test_time
    delay = recheck_delay(snapshot.version.uid, snapshot.interval)
    due = None if delay is None else start + delay
    sooner = from_timestamp(snapshot.status.next_test_time) if state.failures else None
    times = [time for time in (due, sooner) if time is not None]
    return to_timestamp(min(times)) if times else None


def _next_test_after(
    failure: Verdict, snapshot: Snapshot, state: SmtpConfigState, *, watched: bool, now: float
) -> str | None:
    """Return the time of the next test; a suspended object keeps its time until it is resumed."""
    start = _start_of_delay(snapshot, now)
    if failure.retry not in _BY_INTERVAL or start is None:
        return snapshot.status.next_test_time
    delay = delay_after(
        failure,
        uid=snapshot.version.uid,
        interval=snapshot.interval,
        failures=max(state.failures, 1),
        refusals=state.refusals,
        had_passed=False,
        watched=watched,
    )
    return None if delay is None else to_timestamp(start + delay)


def _start_of_delay(snapshot: Snapshot, now: float) -> float | None:
    """Return from when the delay of the next test counts; None if no test has ended.

    After a change of the operator's flags this is now: the change alone must not start a test.
    """
    by_flags = snapshot.defaults_changed and not snapshot.generation_is_new
    return now if by_flags else snapshot.last_test_ended


def under_test(
    snapshot: Snapshot, test: RunTest, *, phase: Phase | None, started: float, now: float
) -> SmtpConfigStatus:
    """Return the status while a slow test runs, which started at ``started`` (seconds since the epoch).

    ``phase`` is reported for requested tests only.
    """
    update: dict[str, object] = {
        "current_test": status_fields.current_test(test, phase=phase, started=started)
    }
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    text = "A test of these settings is under way"
    text += f": phase {phase}." if phase is not None else "."
    testing = write.condition("Reconciling", "True", Reason.TESTING, text)
    if snapshot.has_verdict:
        kept = _kept(snapshot, "PasswordResolved", *_INDEPENDENT, *ADVISORY)
        conditions = [*_kept(snapshot, "Ready", "Failed"), testing, *kept]
        return snapshot.status.model_copy(update=update | {"conditions": conditions})
    conditions = [write.condition("Ready", "Unknown", Reason.TESTING, text), testing]
    conditions += _kept(snapshot, *_INDEPENDENT)
    if snapshot.spec.password is not None or snapshot.spec.oauth2 is not None:
        conditions += _kept(snapshot, "PasswordResolved")  # otherwise, it describes older settings
    update |= {
        "conditions": conditions,
        "summary": str(Reason.TESTING),
        "effective": snapshot.effective,
        "next_test_time": None,
        "suggestion": None,
    }
    return snapshot.status.model_copy(update=update)


def held(snapshot: Snapshot, trigger: Trigger, hold: Hold, *, now: float) -> SmtpConfigStatus:
    """Return the status while a limit holds a test back; a recheck that waits keeps the verdict."""
    update: dict[str, object] = {"current_test": None}
    if hold.until is not None:
        update["next_test_time"] = to_timestamp(hold.until)
    if trigger is Trigger.RECHECK:
        return snapshot.status.model_copy(update=update)
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    retried = trigger is Trigger.RETRY
    reason = Reason.PROGRESSING_WITH_RETRY if retried else hold.reason
    waiting = write.condition("Reconciling", "True", reason, hold.message)
    if snapshot.has_verdict:
        kept = _kept(snapshot, "PasswordResolved", *_INDEPENDENT, *ADVISORY)
        conditions = [*_kept(snapshot, "Ready", "Failed"), waiting, *kept]
    else:
        conditions = [write.condition("Ready", "Unknown", hold.reason, hold.message), waiting]
        conditions += _kept(snapshot, *_INDEPENDENT)
        update |= {"effective": snapshot.effective, "suggestion": None}
    return snapshot.status.model_copy(update=update | {"conditions": conditions, "summary": hold.summary})


def _summary_again(snapshot: Snapshot) -> dict[str, object]:
    """Return the verdict's summary, as far as known, to replace a summary that reported a limit."""
    ready, found = snapshot.status.condition("Ready"), (snapshot.status.summary or "").partition(":")[0]
    if ready is None or found not in LIMITED:
        return {}
    failure = _failure(snapshot)
    return {"summary": str(ready.reason) if failure is None or ready.status == "True" else failure.summary}


def invalid_spec_status(
    before: SmtpConfigStatus, generation: int, verdict: Verdict, *, request: str | None, now: float
) -> SmtpConfigStatus:
    """Return the status of an invalid spec; ``before`` is the previous status."""
    write = ConditionWriter(before, generation, now)
    return SmtpConfigStatus(
        observed_generation=generation,
        conditions=[
            *write.failed(verdict),
            write.reconciling_and_stalled(verdict, stalls=True),
            *write.kept(*_INDEPENDENT),
        ],
        summary=verdict.summary,
        last_test=before.last_test,
        last_success_time=before.last_success_time,
        last_handled_test_request=request or before.last_handled_test_request,
        published=before.published,
        binding=before.binding,
    )


def _kept(snapshot: Snapshot, *kinds: str) -> list[Condition]:
    found = (snapshot.status.condition(kind) for kind in kinds)
    return [condition for condition in found if condition is not None]


def password_condition(write: ConditionWriter, password: PasswordResult) -> Condition:
    """Return the condition that says whether the password was read."""
    status: Literal["True", "False"] = "True" if password.resolved else "False"
    return write.condition("PasswordResolved", status, password.reason, password.message)
