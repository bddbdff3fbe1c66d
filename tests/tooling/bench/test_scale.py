# SPDX-License-Identifier: Apache-2.0
"""The section of the benchmark with up to 10,000 SmtpConfigs."""

import pytest

from smtp_tools.bench.__main__ import _parser
from smtp_tools.bench.scale import SIZES, WAIT_SECONDS, Start, table_of
from smtp_tools.bench.sections import SECTIONS


def test_the_sizes_are_next_to_each_other_and_the_largest_has_targets() -> None:
    starts = [Start(1_000, 1.5, 80.0, None), Start(10_000, 6.0, 150.0, 161.0)]
    assert [figure.cells() for figure in table_of(starts, 600)] == [
        ("CPU from start to the last watch synced, 1,000 SmtpConfigs", "1.50 s", "", "", ""),
        ("CPU from start to the last watch synced, 10,000 SmtpConfigs", "6 s", "", "", ""),
        ("peak memory during start, 1,000 SmtpConfigs", "80 MB", "", "", ""),
        ("peak memory during start, 10,000 SmtpConfigs", "150 MB", "<= 160 MB", "0.94", "ok"),
        ("peak memory after 600 s, 10,000 SmtpConfigs", "161 MB", "<= 160 MB", "1.01", "MISSED"),
    ]


def test_the_section_measures_10_000_smtpconfigs_for_10_minutes() -> None:
    assert "scale" in SECTIONS
    assert SIZES == (1_000, 5_000, 10_000)
    assert WAIT_SECONDS == 600


def test_the_wait_can_be_shorter() -> None:
    assert _parser({}).parse_args([]).wait == WAIT_SECONDS
    assert _parser({}).parse_args(["--wait", "5"]).wait == 5


def test_help_explains_the_wait(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser({}).parse_args(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "--wait SECONDS in section scale, time from the start with the most SmtpConfigs"
        " until memory is read again (600)"
    ) in shown
