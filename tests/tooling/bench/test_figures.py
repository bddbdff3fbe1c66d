# SPDX-License-Identifier: Apache-2.0
"""The table that the benchmark prints, and its exit code."""

from smtp_tools.bench.figures import Figure, exit_code, table

WITHIN = Figure("start to first dialogue", 1.5, "s", 2.0)
MISSED = Figure("CPU per SmtpConfig, in CPU per Issuer", 2.4, at_most=2.0)
TOLD = Figure("  CPU per Issuer", 2.41, "ms")


def test_the_table_shows_measured_target_and_ratio() -> None:
    assert table([WITHIN, MISSED, TOLD]).splitlines() == [
        "figure                                 measured  target  ratio",
        "start to first dialogue                  1.50 s  <= 2 s   0.75  ok",
        "CPU per SmtpConfig, in CPU per Issuer      2.40    <= 2   1.20  MISSED",
        "  CPU per Issuer                        2.41 ms",
    ]


def test_a_target_of_zero_has_no_ratio_and_is_missed_by_one() -> None:
    assert Figure("writes at rest", 0, at_most=0).cells() == ("writes at rest", "0", "<= 0", "", "ok")
    assert Figure("writes at rest", 1, at_most=0).missed


def test_exactly_the_target_is_within() -> None:
    assert not Figure("status writes per verdict", 1.0, at_most=1).missed
    assert Figure("status writes per verdict", 1.01, at_most=1).missed


def test_what_the_table_rounds_to_the_target_is_within() -> None:
    assert not Figure("CPU", 2.004, at_most=2.0).missed


def test_only_a_check_turns_a_missed_target_into_an_exit_code() -> None:
    assert exit_code([WITHIN, MISSED], check=True) == 1
    assert exit_code([WITHIN, MISSED], check=False) == 0
    assert exit_code([WITHIN, TOLD], check=True) == 0
