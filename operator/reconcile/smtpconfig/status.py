# SPDX-License-Identifier: Apache-2.0
"""Derive the status that users read from a verdict. Rules are numbered as in ``docs/reference/status.md``."""

from dataclasses import dataclass
from typing import Final, Literal

from smtp_operator.api.reasons import LIMITED, Reason, Retry
from smtp_operator.api.status import Condition, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.api.verdict import Phase, Trigger, Verdict
from smtp_operator.reconcile.backoff import MINUTE, delay_after, recheck_delay, stalled
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.smtpconfig import status_fields
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiring_after_test, expiring_by_clock
from smtp_operator.reconcile.smtpconfig.memory import Hold, TestHistory, retry_of
from smtp_operator.reconcile.smtpconfig.notifications import recorded
from smtp_operator.reconcile.smtpconfig.planner import generation_appeared
from smtp_operator.reconcile.smtpconfig.result import PasswordResult, TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

_HOLD_TIME: Final = 10 * MINUTE
_HOLD_FAILURES: Final = 3
"""Rule 2: a verdict survives transient failures of rechecks for at least this time and this many."""

_MAY_PASS: Final = frozenset(
    {
        Retry.TRANSIENT,
        Retry.TRANSIENT_THEN_CONFIGURATION,
        Retry.SLOW,
        Retry.GREYLISTED,
        Retry.UNKNOWN_DELIVERY,
    }
)

_BY_INTERVAL: Final = frozenset({Retry.CONFIGURATION, Retry.POLICY, Retry.DEPENDENCY, Retry.UNKNOWN_DELIVERY})
"""Failures whose next test depends on ``recheck.interval``, which may have changed."""


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A status to write, and its verdict if the status states a new one."""

    status: SmtpConfigStatus
    verdict: Verdict | None


def status_after_test(
    view: Snapshot, outcome: TestResult, *, memory: TestHistory, watched: bool
) -> StatusUpdate:
    """Return the status after a test, which ``memory`` already counts."""
    verdict, now = outcome.verdict, outcome.ended
    had_passed = view.has_verdict and view.ready == "True"
    holds = had_passed and _verdict_holds(view, outcome, memory)
    delay = delay_after(
        verdict,
        uid=view.version.uid,
        interval=view.interval,
        failures=memory.failures,
        refusals=memory.refusals,
        had_passed=had_passed and outcome.trigger is not Trigger.PASSWORD_CHANGED,
        watched=watched,
    )
    update: dict[str, object] = {
        "observed_generation": view.generation,
        "tested": status_fields.tested_settings(view, outcome, adding=holds),
        "last_test": status_fields.last_test(outcome),
        "next_test_time": None if delay is None else to_timestamp(now + delay),
        "certificate_expiring": expiring_after_test(view, outcome),
    }
    if outcome.notified:
        update["notifications"] = recorded(view.status, outcome.notified, now=now)
    if outcome.request is not None:
        update["last_handled_test_request"] = outcome.request
    if holds and not verdict.passed:
        update["conditions"] = _of_this_generation(view, "Ready", "PasswordResolved")
        return StatusUpdate(view.status.model_copy(update=update), None)
    write = ConditionWriter(view.status, view.generation, now)
    if holds:
        conditions = _of_this_generation(view, "Ready")
    elif verdict.passed:
        conditions = [write.condition("Ready", "True", verdict.reason, verdict.message)]
    else:
        stalls = _stalls(view, verdict, memory=memory, retried=delay is not None, now=now)
        conditions = [*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=stalls)]
    if outcome.password is not None:
        conditions.append(_password_condition(write, outcome.password))
    update |= {"conditions": conditions, "password": status_fields.password_read(outcome)}
    if not holds:
        update |= {"summary": verdict.summary, "suggestion": status_fields.suggestion(verdict)}
    if verdict.passed:
        update["last_success_time"] = to_timestamp(now)
    return StatusUpdate(view.status.model_copy(update=update), None if holds else verdict)


def _verdict_holds(view: Snapshot, outcome: TestResult, memory: TestHistory) -> bool:
    """Return whether a verdict Ready=True survives this test."""
    if outcome.verdict.passed:
        return outcome.mode.depth < view.spec.test.mode.depth  # rule 1: the test proved less
    is_recheck = outcome.trigger is Trigger.RECHECK or outcome.mode.depth < view.spec.test.mode.depth
    nothing_read = outcome.verdict.phase is Phase.PASSWORD and not _is_outage(outcome.verdict)
    if outcome.verdict.retry not in _MAY_PASS or nothing_read or not is_recheck:
        return False
    lasted = outcome.ended - (memory.failing_since or outcome.ended)
    return memory.failures < _HOLD_FAILURES or lasted < max(view.interval, _HOLD_TIME)


def _is_outage(verdict: Verdict) -> bool:
    """Return whether a vault was unavailable, which says nothing about its password."""
    return verdict.retry is Retry.TRANSIENT or verdict.reason is Reason.VAULT_TLS_FAILED


def _stalls(view: Snapshot, verdict: Verdict, *, memory: TestHistory, retried: bool, now: float) -> bool:
    if view.spec.suspend:
        return True  # a suspended object has no retries
    waited = now - generation_appeared(view, memory)
    return stalled(verdict, refusals=memory.refusals_of(view), waited=waited, retried=retried)


def refreshed_status(view: Snapshot, *, memory: TestHistory, watched: bool, now: float) -> SmtpConfigStatus:
    """Return the status without a test: after a carried-over verdict, a suspension or the end of a wait."""
    write = ConditionWriter(view.status, view.generation, now)
    failure = _failure(view)
    update: dict[str, object] = {
        "observed_generation": view.generation,
        "certificate_expiring": expiring_by_clock(view, now),
        **_summary_again(view),
    }
    if not view.has_verdict:
        text = "Not tested: spec.suspend is true. Set suspend: false to have these settings tested."
        update |= {
            "conditions": [write.condition("Ready", "Unknown", Reason.SUSPENDED, text)],
            "summary": str(Reason.SUSPENDED),
            "next_test_time": None,
            "suggestion": None,
        }
    elif view.ready == "True":
        update |= {
            "conditions": _of_this_generation(view, "Ready", "PasswordResolved"),
            "next_test_time": _next_recheck(view, memory),
        }
    elif failure is not None:
        next_test = _next_test_after(failure, view, memory, watched=watched)
        stalls = _stalls(view, failure, memory=memory, retried=next_test is not None, now=now)
        update |= {
            "conditions": [
                *_of_this_generation(view, "Ready", "Failed"),
                write.reconciling_and_stalled(failure, stalls=stalls),
                *_of_this_generation(view, "PasswordResolved"),
            ],
            "next_test_time": next_test,
        }
    else:
        kinds = ("Ready", "Failed", "Reconciling", "Stalled", "PasswordResolved")
        update["conditions"] = _of_this_generation(view, *kinds)
    return view.status.model_copy(update=update)


def _failure(view: Snapshot) -> Verdict | None:
    """Return the failed verdict in status; None if there is none, or if this release does not know it."""
    ready = view.status.condition("Ready")
    if ready is None or (retry := retry_of(ready.reason)) is None:
        return None
    phases = view.status.last_test.phases if view.status.last_test else []
    last = phases[-1].name if phases else None
    phase = Phase(last) if last in tuple(Phase) else None
    return Verdict(reason=Reason(ready.reason), message=ready.message, retry=retry, phase=phase)


def _next_recheck(view: Snapshot, memory: TestHistory) -> str | None:
    """Return the time of the next recheck; the interval may have changed."""
    ended = view.last_test_ended
    if ended is None:
        return view.status.next_test_time
    delay = recheck_delay(view.version.uid, view.interval)
    due = None if delay is None else ended + delay
    sooner = from_timestamp(view.status.next_test_time) if memory.failures else None
    times = [time for time in (due, sooner) if time is not None]
    return to_timestamp(min(times)) if times else None


def _next_test_after(failure: Verdict, view: Snapshot, memory: TestHistory, *, watched: bool) -> str | None:
    """Return the time of the next test; a suspended object keeps its time until it is resumed."""
    ended = view.last_test_ended
    if failure.retry not in _BY_INTERVAL or ended is None:
        return view.status.next_test_time
    delay = delay_after(
        failure,
        uid=view.version.uid,
        interval=view.interval,
        failures=max(memory.failures, 1),
        refusals=memory.refusals,
        had_passed=False,
        watched=watched,
    )
    return None if delay is None else to_timestamp(ended + delay)


def under_test(view: Snapshot, *, phase: Phase | None, now: float) -> SmtpConfigStatus:
    """Return the status while a slow test runs; ``phase`` is reported for requested tests only."""
    write = ConditionWriter(view.status, view.generation, now)
    text = "A test of these settings is under way"
    text += f": phase {phase}." if phase is not None else "."
    testing = write.condition("Reconciling", "True", Reason.TESTING, text)
    if view.has_verdict:
        conditions = [*_kept(view, "Ready", "Failed"), testing, *_kept(view, "PasswordResolved")]
        return view.status.model_copy(update={"conditions": conditions})
    unknown = write.condition("Ready", "Unknown", Reason.TESTING, text)
    conditions = [unknown, testing]
    if (
        view.spec.password is not None or view.spec.oauth2 is not None
    ):  # otherwise, it describes older settings
        conditions += _kept(view, "PasswordResolved")
    return view.status.model_copy(
        update={
            "conditions": conditions,
            "summary": str(Reason.TESTING),
            "next_test_time": None,
            "suggestion": None,
        }
    )


def held(view: Snapshot, trigger: Trigger, hold: Hold, *, now: float) -> SmtpConfigStatus:
    """Return the status while a limit holds a test back; a recheck that waits keeps the verdict."""
    update: dict[str, object] = {}
    if hold.until is not None:
        update["next_test_time"] = to_timestamp(hold.until)
    if trigger is Trigger.RECHECK:
        return view.status.model_copy(update=update)
    write = ConditionWriter(view.status, view.generation, now)
    retried = trigger is Trigger.RETRY
    reason = Reason.PROGRESSING_WITH_RETRY if retried else hold.reason
    waiting = write.condition("Reconciling", "True", reason, hold.message)
    if view.has_verdict:
        conditions = [*_kept(view, "Ready", "Failed"), waiting, *_kept(view, "PasswordResolved")]
    else:
        conditions = [write.condition("Ready", "Unknown", hold.reason, hold.message), waiting]
        update["suggestion"] = None
    return view.status.model_copy(update=update | {"conditions": conditions, "summary": hold.summary})


def _summary_again(view: Snapshot) -> dict[str, object]:
    """Return the verdict's summary, as far as known, to replace a summary that reported a limit."""
    ready, found = view.status.condition("Ready"), (view.status.summary or "").partition(":")[0]
    if ready is None or found not in LIMITED:
        return {}
    failure = _failure(view)
    return {"summary": str(ready.reason) if failure is None or ready.status == "True" else failure.summary}


def invalid_spec_status(
    before: SmtpConfigStatus, generation: int, verdict: Verdict, *, request: str | None, now: float
) -> SmtpConfigStatus:
    """Return the status of an invalid spec; ``before`` is the previous status."""
    write = ConditionWriter(before, generation, now)
    return SmtpConfigStatus(
        observed_generation=generation,
        conditions=[*write.failed(verdict), write.reconciling_and_stalled(verdict, stalls=True)],
        summary=verdict.summary,
        last_test=before.last_test,
        last_success_time=before.last_success_time,
        last_handled_test_request=request or before.last_handled_test_request,
    )


def _of_this_generation(view: Snapshot, *kinds: str) -> list[Condition]:
    return [it.model_copy(update={"observed_generation": view.generation}) for it in _kept(view, *kinds)]


def _kept(view: Snapshot, *kinds: str) -> list[Condition]:
    found = (view.status.condition(kind) for kind in kinds)
    return [condition for condition in found if condition is not None]


def _password_condition(write: ConditionWriter, password: PasswordResult) -> Condition:
    status: Literal["True", "False"] = "True" if password.resolved else "False"
    return write.condition("PasswordResolved", status, password.reason, password.message)
