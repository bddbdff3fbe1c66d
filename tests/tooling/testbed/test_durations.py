# SPDX-License-Identifier: Apache-2.0
"""The order of long files comes from recorded durations."""

import json
from pathlib import Path

import pytest

from smtp_testkit.testbed.durations import RECORD, DurationRecorder, longest_first
from smtp_tools.paths import ROOT

THERE = "tests/tooling/testbed/test_durations.py"
OTHER = "tests/conftest.py"


def report(file: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(f"{file}::test", (file, 1, "test"), {}, "passed", None, "call", duration=seconds)


def test_a_run_records_what_took_long_and_keeps_what_did_not_run(tmp_path: Path) -> None:
    record = tmp_path / "durations.json"
    record.write_text(json.dumps({OTHER: 7.5, THERE: 99.0, "tests/gone/test_gone.py": 50.0}))
    recorder = DurationRecorder(record)
    for seconds in (3.0, 1.25):
        recorder.pytest_runtest_logreport(report(THERE, seconds))
    recorder.pytest_runtest_logreport(report("tests/test_short.py", 0.1))

    recorder.pytest_sessionfinish()

    assert json.loads(record.read_text()) == {OTHER: 7.5, THERE: 4.2}
    assert longest_first(record) == [OTHER, THERE]


def test_every_recorded_file_exists() -> None:
    assert [file for file in longest_first(RECORD) if not (ROOT / file).exists()] == []
