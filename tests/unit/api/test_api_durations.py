# SPDX-License-Identifier: Apache-2.0
"""Durations as the Kubernetes ecosystem writes them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp_operator.api.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("412ms", 0.412),
        ("0.5s", 0.5),
        ("45s", 45),
        ("1.5m", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("1h0.5m10s250ms", 3640.25),
        ("24h", 86400),
        ("30s1m", 90),
        ("8760h", 31_536_000),
    ],
)
def test_seconds_of_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "5",
        "soon",
        "-1s",
        "+1s",
        "1 s",
        "1s ",
        "1s\n",
        "1d",
        "1us",
        "1ns",
        ".5s",
        "5.s",
        "1e3s",
        "1.0001s",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 90s, 15m or 1h30m"):
        parse_duration(text)


def test_parts_add_up_exactly() -> None:
    assert parse_duration("0.008m9.992m") == 600
    assert parse_duration("4.999s0.001s") == 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0004, "0ms"),
        (0.002, "2ms"),
        (0.412, "412ms"),
        (1, "1s"),
        (2.34, "2.3s"),
        (10, "10s"),
        (45.04, "45s"),
        (60, "1m"),
        (90, "1m30s"),
        (900, "15m"),
        (3600, "1h"),
        (3599.7, "1h"),
        (5400, "1h30m"),
        (3601, "1h1s"),
        (86400, "24h"),
    ],
)
def test_duration_is_written_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@settings(deadline=None)
@given(st.floats(0, 400 * 86400))
def test_what_was_written_can_be_read(seconds: float) -> None:
    written = format_duration(seconds)
    assert parse_duration(written) == pytest.approx(seconds, rel=0.05, abs=0.0005)
    assert len(written) <= 16
