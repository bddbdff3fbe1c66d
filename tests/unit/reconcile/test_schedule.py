# SPDX-License-Identifier: Apache-2.0
"""When the next test is due, as tables."""

import pytest

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.reconcile.backoff import BACKOFF, delay_after, due_time, fraction, recheck_delay, stalled

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR
UID = "00000000-0000-4000-8000-000000000001"


def verdict(
    retry: Retry,
    *,
    phase: Phase | None = Phase.CONNECT,
    reason: Reason = Reason.INTERNAL_ERROR,
    retry_after: float | None = None,
) -> Verdict:
    return Verdict(reason=reason, message="", retry=retry, phase=phase, retry_after=retry_after)


def delay(
    it: Verdict,
    *,
    uid: str = UID,
    interval: float = HOUR,
    failures: int = 1,
    refusals: int = 1,
    had_passed: bool = False,
    watched: bool = True,
) -> float | None:
    return delay_after(
        it,
        uid=uid,
        interval=interval,
        failures=failures,
        refusals=refusals,
        had_passed=had_passed,
        watched=watched,
    )


@pytest.mark.parametrize(
    ("retry", "minutes"),
    [
        (Retry.TRANSIENT, [0.5, 1, 2, 5, 10, 30, 30, 30]),
        (Retry.TRANSIENT_THEN_CONFIGURATION, [0.5, 1, 2, 5, 60, 60]),
        (Retry.SLOW, [15, 30, 60, 60]),
        (Retry.GREYLISTED, [5, 10, 30, 30]),
    ],
)
def test_delays_grow_with_the_failures(retry: Retry, minutes: list[float]) -> None:
    for failures, least in enumerate(minutes, start=1):
        found = delay(verdict(retry), failures=failures, refusals=failures)
        assert found is not None
        assert least * MINUTE <= found <= least * MINUTE * 1.1


def test_a_delay_has_a_jitter_of_a_tenth_at_most_and_always_the_same() -> None:
    uids = [f"uid-{number}" for number in range(200)]
    delays = [delay(verdict(Retry.TRANSIENT), uid=uid) or 0.0 for uid in uids]
    assert min(delays) >= 30
    assert max(delays) <= 33
    assert max(delays) - min(delays) > 2.5
    assert delays == [delay(verdict(Retry.TRANSIENT), uid=uid) for uid in uids]


def test_what_passed_is_due_after_the_interval() -> None:
    found = delay(verdict(Retry.PASSED))
    assert found is not None
    assert HOUR <= found <= 1.1 * HOUR
    assert found == recheck_delay(UID, HOUR)


def test_an_interval_of_zero_is_never() -> None:
    assert delay(verdict(Retry.PASSED), interval=0) is None
    assert recheck_delay(UID, 0) is None


@pytest.mark.parametrize(("had_passed", "seconds"), [(True, HOUR), (False, DAY)])
@pytest.mark.parametrize("interval", [0, MINUTE, 30 * DAY])
@pytest.mark.parametrize("failures", [1, 2, 17])
def test_a_refused_password_is_due_after_a_day_or_an_hour(
    had_passed: bool, seconds: float, interval: float, failures: int
) -> None:
    found = delay(
        verdict(Retry.AUTHENTICATION, phase=Phase.AUTH),
        had_passed=had_passed,
        interval=interval,
        failures=failures,
    )
    assert found == seconds


@pytest.mark.parametrize("retry", [Retry.CONFIGURATION, Retry.POLICY])
@pytest.mark.parametrize(
    ("phase", "again"),
    [
        (None, True),
        (Phase.RESOLVE, True),
        (Phase.CONNECT, True),
        (Phase.BANNER, True),
        (Phase.EHLO, True),
        (Phase.START_TLS, True),
        (Phase.TLS, True),
        (Phase.AUTH, False),
        (Phase.MAIL_FROM, False),
        (Phase.RCPT_TO, False),
        (Phase.DATA, False),
        (Phase.PASSWORD, False),
    ],
)
def test_settings_that_failed_are_tried_again_only_where_no_password_was_sent(
    retry: Retry, phase: Phase | None, again: bool
) -> None:
    assert delay(verdict(retry, phase=phase)) == (HOUR if again else None)


@pytest.mark.parametrize(
    ("interval", "seconds"), [(MINUTE, HOUR), (HOUR, HOUR), (3 * HOUR, 3 * HOUR), (0, None)]
)
def test_settings_that_failed_are_tried_again_by_the_interval_but_once_an_hour_at_most(
    interval: float, seconds: float | None
) -> None:
    assert delay(verdict(Retry.CONFIGURATION), interval=interval) == seconds


def test_an_unusable_value_is_read_again_if_no_watch_reports_changes() -> None:
    unusable = verdict(Retry.CONFIGURATION, phase=Phase.PASSWORD)
    assert delay(unusable, watched=True) is None
    assert delay(unusable, watched=False) == HOUR


@pytest.mark.parametrize(("failures", "minutes"), [(1, 0.5), (2, 1), (3, 2), (4, 10), (9, 10)])
@pytest.mark.parametrize(
    ("reason", "watched"), [(Reason.HOST_NOT_FOUND, True), (Reason.SECRET_NOT_FOUND, False)]
)
def test_what_may_arrive_unseen_is_asked_for(
    reason: Reason, watched: bool, failures: int, minutes: float
) -> None:
    found = delay(verdict(Retry.DEPENDENCY, reason=reason), watched=watched, failures=failures)
    assert found is not None
    assert minutes * MINUTE <= found <= minutes * MINUTE * 1.1


@pytest.mark.parametrize(("interval", "seconds"), [(MINUTE, HOUR), (2 * HOUR, 2 * HOUR), (0, None)])
def test_watched_objects_are_hardly_polled(interval: float, seconds: float | None) -> None:
    missing = verdict(Retry.DEPENDENCY, reason=Reason.SECRET_NOT_FOUND, phase=Phase.PASSWORD)
    assert delay(missing, interval=interval) == seconds


@pytest.mark.parametrize(("interval", "least"), [(HOUR, HOUR), (MINUTE, MINUTE)])
def test_an_unknown_delivery_is_not_repeated_before_the_interval(interval: float, least: float) -> None:
    found = delay(verdict(Retry.UNKNOWN_DELIVERY, phase=Phase.DATA), interval=interval)
    assert found is not None
    assert least <= found <= 1.1 * least


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 33), (5, 33), (600, 600), (DAY, DAY), (1e12, DAY), (float("inf"), DAY)]
)
def test_the_other_side_may_ask_for_more_time_up_to_a_day(asked: float | None, seconds: float) -> None:
    found = delay(verdict(Retry.TRANSIENT, retry_after=asked))
    assert found is not None
    assert found <= seconds
    assert found >= min(seconds, 30)


@pytest.mark.parametrize("retry", [it for it in Retry if it is not Retry.PASSED])
def test_each_class_of_failure_has_an_answer(retry: Retry) -> None:
    assert delay(verdict(retry)) is None or (delay(verdict(retry)) or 0) >= 30
    assert stalled(verdict(retry), refusals=1, waited=0, retried=True) in (True, False)


def test_each_reason_has_a_class_that_the_schedule_knows() -> None:
    by_table = set(BACKOFF) | {
        Retry.PASSED,
        Retry.AUTHENTICATION,
        Retry.CONFIGURATION,
        Retry.POLICY,
        Retry.UNKNOWN_DELIVERY,
    }
    assert {info.retry for info in REASONS.values()} <= by_table


@pytest.mark.parametrize(
    ("retry", "refusals", "waited", "retried", "expected"),
    [
        (Retry.CONFIGURATION, 0, 0, True, True),
        (Retry.POLICY, 0, 0, True, True),
        (Retry.AUTHENTICATION, 0, 0, True, True),
        (Retry.TRANSIENT, 0, 1e9, True, False),
        (Retry.SLOW, 0, 1e9, True, False),
        (Retry.GREYLISTED, 0, 1e9, True, False),
        (Retry.TRANSIENT_THEN_CONFIGURATION, 4, 1e9, True, False),
        (Retry.TRANSIENT_THEN_CONFIGURATION, 5, 0, True, True),
        (Retry.DEPENDENCY, 0, 299, True, False),
        (Retry.DEPENDENCY, 0, 300, True, True),
        (Retry.DEPENDENCY, 0, 299, False, False),
        (Retry.UNKNOWN_DELIVERY, 0, 0, True, False),
        (Retry.UNKNOWN_DELIVERY, 0, 0, False, True),
    ],
)
def test_stalled(retry: Retry, refusals: int, waited: float, retried: bool, expected: bool) -> None:
    assert stalled(verdict(retry), refusals=refusals, waited=waited, retried=retried) is expected


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        pytest.param(1000.0, 1000.0, id="ahead"),
        pytest.param(500.0, 500.0, id="just at the start"),
        pytest.param(499.0, 500.0 + 600 * fraction(UID), id="fell due while no operator ran"),
        pytest.param(-1e9, 500.0 + 600 * fraction(UID), id="long ago"),
        pytest.param(600 + 1.1 * DAY, 600 + 1.1 * DAY, id="a day ahead"),
        pytest.param(600 + 1.1 * DAY + 1, 600.0, id="farther than any delay"),
    ],
)
def test_due_times(due: float, expected: float) -> None:
    assert due_time(due, uid=UID, interval=HOUR, started=500.0, now=600.0) == expected


def test_a_long_interval_may_be_far_ahead() -> None:
    far = 600 + 300 * DAY
    assert due_time(far, uid=UID, interval=300 * DAY, started=500.0, now=600.0) == far


@pytest.mark.parametrize(("interval", "spread"), [(MINUTE, 60), (HOUR, 600), (0, 600)])
def test_what_fell_due_is_spread_over_the_interval_or_ten_minutes(interval: float, spread: float) -> None:
    times = [
        due_time(0, uid=f"uid-{number}", interval=interval, started=500.0, now=600.0) - 500.0
        for number in range(300)
    ]
    assert 0 <= min(times) < 0.05 * spread
    assert 0.95 * spread < max(times) < spread


def test_fractions_are_spread_evenly() -> None:
    fractions = sorted(fraction(f"uid-{number}") for number in range(1000))
    assert all(abs(found - index / 1000) < 0.06 for index, found in enumerate(fractions))
