# SPDX-License-Identifier: Apache-2.0
"""Each risk in the threat model has a control and an existing test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def rows(page: str) -> list[tuple[str, str]]:
    """Return risk and second column of each line of the tables of a page about the threat model."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    heads = ("| risk |", "| --- |")
    lines = [
        line.strip("| ").split(" | ")
        for line in text.partition("hreat model\n")[2].partition("\n## Limits")[0].splitlines()
        if line.startswith("| ") and not line.startswith(heads)
    ]
    return [(risk, second) for risk, second in lines]


PAGES = {
    "explanation/security.md": "contribute/threat-model.md",
    "explanation/manage-smtp-page.md": "contribute/threat-model-of-the-page.md",
}
CONTROLS = [row for page in PAGES for row in rows(page)]
PROOFS = [row for page in PAGES.values() for row in rows(page)]


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The names of all tests."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name
        for file in files
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_both_pages_name_the_same_risks() -> None:
    assert len(CONTROLS) >= 20
    assert [risk for risk, _ in PROOFS] == [risk for risk, _ in CONTROLS]


@pytest.mark.parametrize(("risk", "control"), CONTROLS, ids=lambda it: it)
def test_each_risk_has_a_control(risk: str, control: str) -> None:
    assert control.strip(), risk


@pytest.mark.parametrize(("risk", "proofs"), PROOFS, ids=lambda it: it)
def test_each_risk_has_a_test_that_exists(risk: str, proofs: str, tests: set[str]) -> None:
    names = re.findall(r"`(\w+)`", proofs)
    assert names, risk
    assert set(names) <= tests
