# SPDX-License-Identifier: Apache-2.0
"""So many events of a key in a time, and no more at any time."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from smtp_operator.api.objects import Reference
from smtp_operator.reconcile.limits.emails import EmailLimits
from smtp_operator.reconcile.limits.rate_windows import RateWindow


class Clock:
    """Stands still, unless a test sets it."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def happen(window: RateWindow, key: str = "a", times: int = 1) -> None:
    window.begin(key, times)
    window.end(key, times, happened=True)


def test_as_many_as_the_limit_may_begin_at_once(clock: Clock) -> None:
    window = RateWindow(3, 60, now=clock)
    happen(window, times=2)
    assert window.free_at("a") == 0
    happen(window)
    assert window.free_at("a") == 1060


def test_each_event_makes_room_when_its_time_is_over(clock: Clock) -> None:
    window = RateWindow(3, 60, now=clock)
    for _ in range(3):
        happen(window)
        clock.time += 10
    assert [window.free_at("a", many) for many in (1, 2, 3)] == [1060, 1070, 1080]
    clock.time = 1070
    assert [window.free_at("a", many) for many in (1, 2, 3)] == [0, 0, 1080]


def test_what_is_under_way_counts(clock: Clock) -> None:
    window = RateWindow(2, 60, now=clock)
    window.begin("a", 2)
    assert window.free_at("a") == 1005
    window.end("a", happened=False)
    assert window.free_at("a") == 0
    window.end("a", happened=True)
    assert window.free_at("a", 2) == 1060


def test_keys_do_not_share(clock: Clock) -> None:
    window = RateWindow(1, 60, now=clock)
    happen(window, "a")
    assert window.free_at("b") == 0


def test_more_than_the_limit_never_begin(clock: Clock) -> None:
    assert RateWindow(2, 60, now=clock).free_at("a", 3) == 1060


def test_a_limit_of_0_is_none(clock: Clock) -> None:
    window = RateWindow(0, 60, now=clock)
    happen(window, times=1000)
    assert window.free_at("a", 1000) == 0


def test_a_clock_that_is_set_back_holds_no_one_for_longer(clock: Clock) -> None:
    window = RateWindow(1, 60, now=clock)
    happen(window)
    clock.time = 10
    assert window.free_at("a") == 70


def test_keys_that_are_not_asked_for_any_more_are_forgotten(clock: Clock) -> None:
    window = RateWindow(5, 60, now=clock)
    for number in range(1000):
        happen(window, str(number))
    clock.time += 121
    happen(window, "last")
    assert list(window._ended) == ["last"]


def ticking() -> Callable[[], float]:
    times: Iterator[int] = count(1000)
    return lambda: next(times) / 1000


def test_a_clock_that_runs_on_while_it_is_asked_holds_nothing() -> None:
    limits = EmailLimits(per_namespace=120, per_mailbox=600, now=ticking())
    assert limits.hold(Reference("SmtpConfig", "team-a", "mail"), {"ops@example.com": 1}) is None
