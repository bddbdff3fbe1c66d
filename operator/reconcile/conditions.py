# SPDX-License-Identifier: Apache-2.0
"""From a verdict to the status that users read. Rules are numbered as in ``docs/reference/status.md``."""

from dataclasses import dataclass
from typing import Final, Literal

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.status import Condition, SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Trigger, Verdict, cut
from smtp_operator.reconcile import facts
from smtp_operator.reconcile.outcome import Outcome, PasswordFacts
from smtp_operator.reconcile.plan import Memory, generation_appeared, waiting_ends
from smtp_operator.reconcile.schedule import MINUTE, delay_after, recheck_delay, stalled
from smtp_operator.reconcile.timestamps import to_timestamp
from smtp_operator.reconcile.view import View

_HOLD_TIME: Final = 10 * MINUTE
_HOLD_FAILURES: Final = 3
"""Rule 2: a verdict outlives transient failures of rechecks for at least this long and this often."""

_MAY_PASS: Final = frozenset(
    {
        Retry.TRANSIENT,
        Retry.TRANSIENT_THEN_CONFIGURATION,
        Retry.SLOW,
        Retry.GREYLISTED,
        Retry.UNKNOWN_DELIVERY,
    }
)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Makes conditions that keep their transition time as long as their status stays."""

    before: SmtpConfigStatus
    generation: int
    now: float

    def condition(
        self, kind: str, status: Literal["True", "False", "Unknown"], reason: str, message: str
    ) -> Condition:
        """One condition of this generation."""
        before = self.before.condition(kind)
        stays = before is not None and before.status == status
        return Condition(
            type=kind,
            status=status,
            observed_generation=self.generation,
            last_transition_time=before.last_transition_time if before and stays else to_timestamp(self.now),
            reason=str(reason),
            message=cut(message),
        )

    def failed(self, verdict: Verdict) -> list[Condition]:
        """Ready=False and its abnormal-true twin."""
        return [
            self.condition("Ready", "False", verdict.reason, verdict.message),
            self.condition("Failed", "True", verdict.reason, verdict.message),
        ]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A status to write, and the verdict that it newly states, if it does."""

    status: SmtpConfigStatus
    verdict: Verdict | None


def judged(view: View, outcome: Outcome, *, memory: Memory, watched: bool) -> Judgement:
    """The status after a test. ``memory`` already counts this test (see ``Memory``)."""
    verdict = outcome.verdict
    had_passed = view.judged and view.ready == "True"
    stands = had_passed and _stands(view, outcome, memory)
    delay = delay_after(
        verdict,
        uid=view.tested.uid,
        interval=view.interval,
        failures=memory.failures,
        had_passed=had_passed and outcome.trigger is not Trigger.PASSWORD_CHANGED,
        watched=watched,
    )
    conditions = (
        _carried_over(view) if stands else _conditions(view, verdict, memory=memory, now=outcome.ended)
    )
    if outcome.password is not None:
        conditions.append(_password_condition(view, outcome.password, now=outcome.ended))
    update: dict[str, object] = {
        "observed_generation": view.generation,
        "conditions": conditions,
        "summary": view.status.summary if stands else verdict.summary,
        "tested": facts.tested(view.digest, outcome),
        "last_test": facts.last_test(outcome),
        "next_test_time": None if delay is None else to_timestamp(outcome.ended + delay),
        "suggestion": None if stands else facts.suggestion(verdict),
        "password": facts.password_read(outcome),
    }
    if verdict.passed:
        update["last_success_time"] = to_timestamp(outcome.ended)
    if outcome.request is not None:
        update["last_handled_test_request"] = outcome.request
    return Judgement(view.status.model_copy(update=update), None if stands else verdict)


def _stands(view: View, outcome: Outcome, memory: Memory) -> bool:
    """Whether a verdict Ready=True outlives this test."""
    if outcome.verdict.passed:
        return outcome.mode.depth < view.spec.test.mode.depth  # rule 1: it proved less than what stands
    only_looked_again = outcome.trigger is Trigger.RECHECK or outcome.mode.depth < view.spec.test.mode.depth
    if outcome.verdict.retry not in _MAY_PASS or not only_looked_again:
        return False
    lasted = outcome.ended - (memory.failing_since or outcome.ended)
    return memory.failures < _HOLD_FAILURES or lasted < max(view.interval, _HOLD_TIME)


def restated(view: View, *, memory: Memory, now: float) -> SmtpConfigStatus:
    """The status where nothing is tested: a verdict carried over, a suspension, or a wait that is over."""
    if view.spec.suspend and not view.judged:
        write = _Writer(view.status, view.generation, now)
        text = "Not tested: spec.suspend is true. Set suspend: false to have these settings tested."
        conditions = [write.condition("Ready", "Unknown", Reason.SUSPENDED, text)]
        return view.status.model_copy(
            update={
                "observed_generation": view.generation,
                "conditions": conditions,
                "summary": str(Reason.SUSPENDED),
                "next_test_time": None,
                "suggestion": None,
            }
        )
    gives_up = view.spec.suspend or _waiting_is_over(view, memory, now)
    conditions = _carried_over(view, nothing_under_way=gives_up)
    if view.spec.password is not None:
        conditions += _of_this_generation(view, "PasswordResolved")
    return view.status.model_copy(
        update={
            "observed_generation": view.generation,
            "conditions": conditions,
            "next_test_time": _next_after_carrying_over(view),
        }
    )


def under_test(view: View, *, phase: Phase | None, now: float) -> SmtpConfigStatus:
    """The status that announces a test which takes its time. ``phase`` is named for a requested test only."""
    write = _Writer(view.status, view.generation, now)
    text = "A test of these settings is under way"
    text += f": phase {phase}." if phase is not None else "."
    if view.judged:
        conditions = _kept(view, "Ready") + _kept(view, "Failed")
    else:
        conditions = [write.condition("Ready", "Unknown", Reason.TESTING, text)]
    conditions.append(write.condition("Reconciling", "True", Reason.TESTING, text))
    update: dict[str, object] = {"conditions": conditions + _kept(view, "PasswordResolved")}
    if not view.judged:
        update["summary"] = str(Reason.TESTING)
    return view.status.model_copy(update=update)


def invalid(before: SmtpConfigStatus, generation: int, verdict: Verdict, *, now: float) -> SmtpConfigStatus:
    """The status of a spec that breaks a rule; ``before`` is the status so far."""
    write = _Writer(before, generation, now)
    stalled_ = write.condition("Stalled", "True", verdict.reason, verdict.message)
    return SmtpConfigStatus(
        observed_generation=generation,
        conditions=[*write.failed(verdict), stalled_],
        summary=verdict.summary,
        last_test=before.last_test,
        last_success_time=before.last_success_time,
        last_handled_test_request=before.last_handled_test_request,
    )


def _conditions(view: View, verdict: Verdict, *, memory: Memory, now: float) -> list[Condition]:
    write = _Writer(view.status, view.generation, now)
    if verdict.passed:
        return [write.condition("Ready", "True", verdict.reason, verdict.message)]
    conditions = write.failed(verdict)
    waited = now - generation_appeared(view, memory)
    if stalled(verdict, failures=memory.failures, waited=waited):
        kind, reason = "Stalled", verdict.reason
    elif verdict.retry is Retry.DEPENDENCY:
        kind, reason = "Reconciling", Reason.WAITING_FOR_DEPENDENCY
    else:
        kind, reason = "Reconciling", Reason.PROGRESSING_WITH_RETRY
    return [*conditions, write.condition(kind, "True", reason, verdict.message)]


def _carried_over(view: View, *, nothing_under_way: bool = False) -> list[Condition]:
    ready = view.status.condition("Ready")
    if ready is None or ready.status == "True":
        return _of_this_generation(view, "Ready")
    conditions = _of_this_generation(view, "Ready", "Failed", "Reconciling", "Stalled")
    if not nothing_under_way:
        return conditions
    stalled_ = {"type": "Stalled", "reason": ready.reason}
    return [it.model_copy(update=stalled_) if it.type == "Reconciling" else it for it in conditions]


def _of_this_generation(view: View, *kinds: str) -> list[Condition]:
    kept = (it for kind in kinds for it in _kept(view, kind))
    return [it.model_copy(update={"observed_generation": view.generation}) for it in kept]


def _waiting_is_over(view: View, memory: Memory, now: float) -> bool:
    ends = waiting_ends(view, memory)
    return ends is not None and ends <= now


def _next_after_carrying_over(view: View) -> str | None:
    """The interval may be another one now. A suspended object keeps its time, for when it is resumed."""
    ended = view.last_test_ended
    if view.ready != "True" or ended is None:
        return view.status.next_test_time
    delay = recheck_delay(view.tested.uid, view.interval)
    return None if delay is None else to_timestamp(ended + delay)


def _kept(view: View, kind: str) -> list[Condition]:
    condition = view.status.condition(kind)
    return [] if condition is None else [condition]


def _password_condition(view: View, password: PasswordFacts, *, now: float) -> Condition:
    write = _Writer(view.status, view.generation, now)
    status: Literal["True", "False"] = "True" if password.resolved else "False"
    return write.condition("PasswordResolved", status, password.reason, password.message)
