# SPDX-License-Identifier: Apache-2.0
"""Decide the next step for a SmtpTest: a pure function of its spec, its status and its state."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.actions import Wait
from smtp_operator.reconcile.backoff import HOUR
from smtp_operator.reconcile.smtptest.snapshot import SmtpTestSnapshot
from smtp_operator.reconcile.smtptest.state import SmtpTestState

_CLOCK_CHECK: Final = HOUR
"""Seconds after which a time to wait for is computed again, since the clock may have been corrected."""


@dataclass(frozen=True, slots=True)
class RunSmtpTest:
    """Run the test."""


@dataclass(frozen=True, slots=True)
class FailSmtpTest:
    """Fail the test, without a dialogue."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class DeleteSmtpTest:
    """Delete the finished SmtpTest."""


SmtpTestAction = RunSmtpTest | FailSmtpTest | DeleteSmtpTest


def decide(snapshot: SmtpTestSnapshot, *, state: SmtpTestState, now: float) -> SmtpTestAction | Wait:
    """Return the next step; ``now`` is in seconds since the epoch."""
    if snapshot.finished:
        return _after_the_end(snapshot, state=state, now=now)
    if snapshot.may_have_sent:
        return FailSmtpTest(Reason.INTERRUPTED)
    if state.too_many:
        return FailSmtpTest(Reason.TOO_MANY_TESTS)
    return Wait(state.held[1]) if state.is_held(now) else RunSmtpTest()


def _after_the_end(snapshot: SmtpTestSnapshot, *, state: SmtpTestState, now: float) -> DeleteSmtpTest | Wait:
    ttl, ended = snapshot.spec.ttl, snapshot.finished_at
    if ttl is None or ended is None:
        return Wait(None)
    if ended > now:  # written with a wrong clock
        ended = now if state.finished_seen is None else state.finished_seen
    due = ended + ttl
    return DeleteSmtpTest() if due <= now else Wait(min(due, now + _CLOCK_CHECK))
