# SPDX-License-Identifier: Apache-2.0
"""`test` and `recheck`: durations as Go writes them, within bounds, and how deep each may go."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]

TIMEOUTS = [
    "5s",
    "45s",
    "90s",
    "600s",
    "10m",
    "10m0s",
    "1m30s",
    "0.5m",
    "0.1h",
    "5000ms",
    "5.000s",
    "4.999s0.001s",
    "2.5s2500ms",
    "0.008m9.992m",
    "30s1m",
    "000045s",
]
NO_TIMEOUTS = [
    "0s",
    "0.5s",
    "4s",
    "4.999s",
    "4999ms",
    "10m0.001ms",
    "10m1s",
    "601s",
    "11m",
    "1h",
    "1h30m",
]

INTERVALS = [
    "0s",
    "0h",
    "0ms",
    "0.000s",
    "1m",
    "60s",
    "90s",
    "15m",
    "0.5h",
    "1h",
    "1h30m",
    "24h",
    "8760h",
    "8759h60m",
]
NO_INTERVALS = ["1ms", "0.5s", "30s", "59s", "59.999s", "0.9m", "8760h1ms", "8761h", "999999h999999h"]

NO_DURATIONS = [
    "soon",
    "never",
    "45",
    "0",
    "-45s",
    "+45s",
    "45 s",
    " 45s",
    "45s ",
    "45s\n",
    "45S",
    "45sec",
    "1d",
    "1w",
    "PT45S",
    "00:45",
    "45000000us",
    "45000000µs",
    "1h-30m",
    "1h 30m",
    ".5m",
    "5.m",
    "1,5m",
    "1e2s",
    "0x10s",
    "0.0001h",
    "0000045s",
    "\uff14\uff15s",
    "s",
]

TIMEOUT_REFUSAL = "spec.test.timeout: must be a duration such as 90s, 15m or 1h30m between 5s and 10m"
INTERVAL_REFUSAL = (
    "spec.recheck.interval: must be a duration such as 90s, 15m or 1h30m between 1m and 8760h, or"
    ' "0s" for no rechecks'
)


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_timeout_from_5s_to_10m_is_accepted(judge: Judge, timeout: str) -> None:
    assert judge({"test": {"timeout": timeout}}) == ""


@pytest.mark.parametrize("timeout", NO_TIMEOUTS + NO_DURATIONS)
def test_other_timeout_is_refused(judge: Judge, timeout: str) -> None:
    assert judge({"test": {"timeout": timeout}}) == TIMEOUT_REFUSAL


@pytest.mark.parametrize("interval", INTERVALS)
def test_interval_from_1m_to_a_year_or_zero_is_accepted(judge: Judge, interval: str) -> None:
    assert judge({"recheck": {"interval": interval}}) == ""


@pytest.mark.parametrize("interval", NO_INTERVALS + NO_DURATIONS)
def test_other_interval_is_refused(judge: Judge, interval: str) -> None:
    assert judge({"recheck": {"interval": interval}}) == INTERVAL_REFUSAL


@pytest.mark.parametrize("mode", ["SendEmail", "Envelope", "Login", "Connect"])
def test_test_has_four_depths(judge: Judge, mode: str) -> None:
    assert judge({"test": {"mode": mode}}) == ""


@pytest.mark.parametrize("mode", ["SendEmail", "Login", "Connect"])
def test_recheck_has_three_depths(judge: Judge, mode: str) -> None:
    assert judge({"recheck": {"mode": mode}}) == ""


@pytest.mark.parametrize("mode", ["Envelope", "login", "None", ""])
def test_recheck_has_no_other_depth(judge: Judge, in_words_of: Callable[[str, str], str], mode: str) -> None:
    assert judge({"recheck": {"mode": mode}}) == in_words_of(
        "spec.recheck.mode: Input should be 'SendEmail', 'Login' or 'Connect'",
        f'spec.recheck.mode: Unsupported value: "{mode}": supported values: "SendEmail", "Login", "Connect"',
    )
