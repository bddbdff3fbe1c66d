# SPDX-License-Identifier: Apache-2.0
"""ARCHITECTURE.md is short, and each of its decisions links to a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
TWO_PAGES = 130
"""Lines."""


def decisions() -> list[str]:
    """Return the rows of the table of decisions."""
    table = PAGE.partition("\n## Decisions\n")[2]
    return [line for line in table.splitlines() if line.startswith("| ")][2:]


def test_it_has_decisions_on_two_pages_at_most() -> None:
    assert len(decisions()) >= 20
    assert len(PAGE.splitlines()) <= TWO_PAGES


@pytest.mark.parametrize("row", decisions())
def test_each_decision_links_to_the_test_that_holds_it(row: str) -> None:
    linked = re.findall(r"\]\((tests/[\w/]+\.py)\)", row)
    assert linked
    assert all((ROOT / path).is_file() for path in linked)
