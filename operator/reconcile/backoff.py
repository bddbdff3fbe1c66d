# SPDX-License-Identifier: Apache-2.0
"""When the next test is due. All times in seconds; those of the day since the epoch."""

import hashlib
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

REQUEST_SPACING: Final = 10.0
"""A request within this time of the last test waits until it is over."""

BURST: Final = 3
BURST_TIME: Final = 30.0
"""No more than three tests of one object in half a minute, whatever edits it."""

WAITING_TIME: Final = 5 * MINUTE
"""How long a generation waits for what it names before it counts as stalled (rule 3)."""

START_SPREAD: Final = 10 * MINUTE
"""Tests that fell due while no operator ran are spread over this time after a start."""

CONFIGURATION_INTERVAL: Final = HOUR
"""Settings that failed before a login are tried again no more often than this."""

EMAIL_INTERVAL: Final = 15 * MINUTE
"""A recheck of mode SendEmail is made no more often than this, whatever ``recheck.interval`` says."""

BACKOFF: Final[dict[Retry, tuple[float, ...]]] = {
    Retry.TRANSIENT: (30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Retry.TRANSIENT_THEN_CONFIGURATION: (30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, CONFIGURATION_INTERVAL),
    Retry.SLOW: (15 * MINUTE, 30 * MINUTE, HOUR),
    Retry.DENIED: (10 * MINUTE, 30 * MINUTE, HOUR),
    Retry.GREYLISTED: (5 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    Retry.DEPENDENCY: (30.0, MINUTE, 2 * MINUTE, 10 * MINUTE),
}
"""Delays after the first, second … failure in a row; the last one repeats."""

TRIES_BEFORE_CONFIGURATION: Final = 5
"""After so many refused connections nothing seems to be coming up there."""

_UNSEEN: Final = frozenset({Reason.HOST_NOT_FOUND})
"""What is waited for and no watch tells of."""

_OF_A_VAULT: Final = frozenset(
    {
        Reason.VAULT_URL_NOT_ALLOWED,
        Reason.VAULT_ENDPOINT_INVALID,
        Reason.VAULT_TENANT_MISMATCH,
        Reason.VAULT_SECRET_AMBIGUOUS,
        Reason.VAULT_REQUEST_INVALID,
    }
)
"""What may be mended where the vault is."""

_JITTER: Final = 0.1
# Without it 200 objects of one server with the same interval would meet again at each recheck; a tenth
# spreads an hourly recheck over six minutes, and no test comes before its interval is over.


def stalled(verdict: Verdict, *, refusals: int, waited: float, retried: bool) -> bool:
    """Whether no retry mends this verdict, so that it waits for a change.

    ``refusals``: how many in a row found nobody listening, this one included. ``waited``: seconds since this
    generation appeared. ``retried``: there will be another test by itself.
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
    """Seconds from the end of a test to the next one by itself; None: only a change or a request.

    ``interval`` is ``recheck.interval``, 0 for never. ``failures`` and ``refusals`` are in a row, this one
    included. ``had_passed``: the same password had passed before. ``watched``: a change of a named object is
    seen at once, so nobody needs to ask for it.
    """
    match verdict.retry:
        case Retry.PASSED | Retry.UNKNOWN_DELIVERY:
            return recheck_delay(uid, interval)
        case Retry.AUTHENTICATION:
            # Rule 7: asking more often may lock the account; a mail server's own mishap is over in an hour.
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
    """Whether a test that ends so again has sent no password, so that it may be repeated."""
    if verdict.phase is Phase.PASSWORD:
        # What it read is the only thing that could change the outcome, where that is no vault's answer.
        return not watched or verdict.reason in _OF_A_VAULT
    if verdict.phase is Phase.TOKEN:
        return True  # an application may be mended where its tokens are issued
    return verdict.phase is None or verdict.phase.before_auth


def recheck_delay(uid: str, interval: float) -> float | None:
    """Seconds from the end of a test that passed to its recheck; None: never."""
    return interval * (1 + _JITTER * fraction(uid)) if interval else None


def latest_recheck(interval: float) -> float:
    """Seconds from the end of a test that passed within which its recheck is due."""
    return interval * (1 + _JITTER)


def due_time(due: float, *, uid: str, interval: float, started: float, now: float) -> float:
    """When what ``status.nextTestTime`` announces is really due; all but ``interval`` since the epoch.

    What had fallen due before this operator ``started`` is spread after its start.
    """
    if due < started:
        return started + min(interval or START_SPREAD, START_SPREAD) * fraction(uid)
    farthest = now + (1 + _JITTER) * max(interval, DAY)
    return due if due <= farthest else now  # only a clock that ran wrong can have written such a time


def fraction(text: str) -> float:
    """A number from 0 up to 1, always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
