# SPDX-License-Identifier: Apache-2.0
"""precision.md takes minutes to generate; a test checks that it is current."""

import re
from pathlib import Path

import pytest

from smtp_tools.reasons.judging import judge
from smtp_tools.reasons.kinds import kinds
from smtp_tools.reasons.report import row_start
from smtp_tools.reasons.scenarios import HELD_BACK, PUBLISHED, UNSEEN, load

PAGE = Path(__file__).parent / "precision.md"
SUMMARY = Path(__file__).parents[5] / "docs" / "contribute" / "reason-precision.md"


@pytest.mark.parametrize("part", [PUBLISHED, HELD_BACK, UNSEEN])
def test_the_page_has_each_scenario_with_its_current_reason(part: str) -> None:
    rows = PAGE.read_text(encoding="utf-8").splitlines()

    wanted = {scenario.id: row_start(judge(scenario)) for scenario in load(part)}

    stale = [id_ for id_, start in wanted.items() if not any(row.startswith(start) for row in rows)]
    assert stale == [], "run make bench-reasons"


def test_the_page_has_no_removed_scenario() -> None:
    known = {scenario.id for part in (PUBLISHED, HELD_BACK, UNSEEN) for scenario in load(part)}
    known |= {scenario.id for scenario in kinds()}
    tables = PAGE.read_text(encoding="utf-8").partition("## Scenarios")[2]
    shown = re.findall(r"^\| \[?([a-z0-9-]*[a-z0-9])(?:\]\(| \()", tables, re.MULTILINE)

    assert sorted(shown) == sorted(known)


def test_the_summary_for_contributors_has_the_figures_of_the_page() -> None:
    figures = [row for row in SUMMARY.read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    rows = PAGE.read_text(encoding="utf-8").partition("## Misses")[0].splitlines()

    assert figures == [row for row in rows if row.startswith("| ")]
    assert len(figures) > 10
