# SPDX-License-Identifier: Apache-2.0
"""Recorded durations of test files, so that the longest start first.

``make test ARGS=--record-durations`` records them in ``tests/durations.json``.
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from smtp_tools.paths import ROOT

RECORD = ROOT / "tests" / "durations.json"
SHORTEST = 2.0
"""Seconds; shorter files are not recorded."""


def longest_first(record: Path = RECORD) -> list[str]:
    """Return the recorded files, longest first."""
    durations: dict[str, float] = json.loads(record.read_text(encoding="utf-8"))
    return sorted(durations, key=lambda file: -durations[file])


class DurationRecorder:
    """A plug-in of the process that hands out the tests: records how long each file took."""

    def __init__(self, record: Path = RECORD) -> None:
        self._record = record
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add setup, call and teardown."""
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the record; files that did not run keep what was recorded of them."""
        known = json.loads(self._record.read_text(encoding="utf-8")) if self._record.exists() else {}
        kept = {file: seconds for file, seconds in known.items() if (ROOT / file).exists()}
        merged = {**kept, **{file: round(seconds, 1) for file, seconds in self._seconds.items()}}
        longest = sorted(merged.items(), key=lambda it: (-it[1], it[0]))
        recorded = {file: seconds for file, seconds in longest if seconds >= SHORTEST}
        self._record.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
