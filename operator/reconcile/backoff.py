# SPDX-License-Identifier: Apache-2.0
"""Compute when the next test is due. All times are in seconds; points in time are since the epoch."""

import hashlib
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

REQUEST_SPACING: Final = 10.0
"""A request within this time after the last test waits until the time is over."""

BURST: Final = 3
BURST_TIME: Final = 30.0
"""At most three tests of one object in half a minute, however often it is edited."""

WAITING_TIME: Final = 5 * MINUTE
"""How long a generation waits for the objects that it references before it is stalled (rule 3)."""

START_SPREAD: Final = 10 * MINUTE
"""After a start, tests that became due while no operator ran are spread over this time."""

CONFIGURATION_INTERVAL: Final = HOUR
"""Minimum interval for retries of settings that failed before a login."""

EMAIL_INTERVAL: Final = 15 * MINUTE
"""Minimum interval for rechecks of mode SendEmail, even if ``recheck.interval`` is shorter."""

BACKOFF: Final[dict[Retry, tuple[float, ...]]] = {
    Retry.TRANSIENT: (30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Retry.TRANSIENT_THEN_CONFIGURATION: (30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, CONFIGURATION_INTERVAL),
    Retry.SLOW: (15 * MINUTE, 30 * MINUTE, HOUR),
    Retry.DENIED: (10 * MINUTE, 30 * MINUTE, HOUR),
    Retry.GREYLISTED: (5 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Retry.DEPENDENCY: (30.0, MINUTE, 2 * MINUTE, 10 * MINUTE),
}
"""Delays after the first, second … consecutive failure; the last delay repeats."""

TRIES_BEFORE_CONFIGURATION: Final = 5
"""After this many refused connections, a server that is still starting is unlikely."""

_UNSEEN: Final = frozenset({Reason.HOST_NOT_FOUND})
"""Dependencies whose arrival no watch reports."""

_OF_A_VAULT: Final = frozenset(
    {
        Reason.VAULT_URL_NOT_ALLOWED,
        Reason.VAULT_ENDPOINT_INVALID,
        Reason.VAULT_TENANT_MISMATCH,
        Reason.VAULT_SECRET_AMBIGUOUS,
        Reason.VAULT_REQUEST_INVALID,
    }
)
"""Failures that the vault's administrator may fix, without a change in the cluster."""

_JITTER: Final = 0.1
# Without jitter, 200 objects of one server with the same interval would coincide at each recheck. A tenth
# spreads an hourly recheck over six minutes, and no test starts before its interval is over.


def stalled(verdict: Verdict, *, refusals: int, waited: float, retried: bool) -> bool:
    """Return whether retries cannot fix this verdict, so that it waits for a change.

    ``refusals``: consecutive refused connections, this one included. ``waited``: seconds since this
    generation appeared. ``retried``: whether another test follows automatically.
    """
    match verdict.retry:
        case Retry.CONFIGURATION | Retry.POLICY | Retry.AUTHENTICATION | Retry.DENIED:
            return True
        case Retry.TRANSIENT_THEN_CONFIGURATION:
            return refusals >= TRIES_BEFORE_CONFIGURATION
        case Retry.DEPENDENCY:
            return waited >= WAITING_TIME
        case _:
            return not retried


def delay_after(
    verdict: Verdict,
    *,
    uid: str,
    interval: float,
    failures: int,
    refusals: int,
    had_passed: bool,
    watched: bool,
) -> float | None:
    """Return the seconds from the end of a test to the next automatic one; None if there is none.

    Without an automatic test, only a change or a request starts one. ``interval`` is ``recheck.interval``, 0
    for never. ``failures`` and ``refusals`` are consecutive, this one included. ``had_passed``: the same
    password passed before. ``watched``: a watch reports changes of referenced objects, so no poll is needed.
    """
    match verdict.retry:
        case Retry.PASSED | Retry.UNKNOWN_DELIVERY:
            return recheck_delay(uid, interval)
        case Retry.AUTHENTICATION:
            # Rule 7: more attempts may lock the account; a mail server's own error lasts an hour at most.
            return HOUR if had_passed else DAY
        case Retry.CONFIGURATION | Retry.POLICY:
            return max(interval, CONFIGURATION_INTERVAL) if interval and _early(verdict, watched) else None
        case Retry.DEPENDENCY if watched and verdict.reason not in _UNSEEN:
            return max(interval, CONFIGURATION_INTERVAL) if interval else None
    steps = BACKOFF[verdict.retry]
    tries = refusals if verdict.retry is Retry.TRANSIENT_THEN_CONFIGURATION else failures
    delay = steps[min(tries, len(steps)) - 1]
    delay *= 1 + _JITTER * fraction(f"{uid}{failures}")
    return max(delay, min(verdict.retry_after or 0, DAY))


def _early(verdict: Verdict, watched: bool) -> bool:
    """Return whether a test that fails like this sends no password, so that it may be repeated."""
    if verdict.phase is Phase.PASSWORD:
        # Unless a vault's response decided, only a change of the objects that the test read can help.
        return not watched or verdict.reason in _OF_A_VAULT
    if verdict.phase is Phase.TOKEN:
        return True  # the application may be fixed at the identity provider
    return verdict.phase is None or verdict.phase.before_auth


def recheck_delay(uid: str, interval: float) -> float | None:
    """Return the seconds from the end of a passed test to its recheck; None if never."""
    return interval * (1 + _JITTER * fraction(uid)) if interval else None


def latest_recheck(interval: float) -> float:
    """Return the maximum number of seconds from the end of a passed test to its recheck."""
    return interval * (1 + _JITTER)


def due_time(due: float, *, uid: str, interval: float, started: float, now: float) -> float:
    """Return when the test of ``status.nextTestTime`` is due; all times but ``interval`` since the epoch.

    Tests that became due before this operator ``started`` are spread over the time after its start.
    """
    if due < started:
        return started + min(interval or START_SPREAD, START_SPREAD) * fraction(uid)
    farthest = now + (1 + _JITTER) * max(interval, DAY)
    return due if due <= farthest else now  # a later time was written with a wrong clock


def fraction(text: str) -> float:
    """Return a number in [0, 1) that depends only on the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
