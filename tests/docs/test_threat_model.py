# SPDX-License-Identifier: Apache-2.0
"""Each risk in the threat model has a control and an existing test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def rows() -> list[tuple[str, str, list[str]]]:
    """Risk, control, and the names of tests of each line of the tables."""
    page = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
    table = page.partition("\n## Threat model\n")[2].partition("\n## ")[0]
    heads = ("| risk |", "| --- |")
    lines = [
        line.strip("| ").split(" | ")
        for line in table.splitlines()
        if line.startswith("| ") and not line.startswith(heads)
    ]
    return [(risk, control, re.findall(r"`(\w+)`", proofs)) for risk, control, proofs in lines]


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The names of all tests."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name
        for file in files
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_it_names_the_risks() -> None:
    assert len(rows()) >= 20


@pytest.mark.parametrize(
    ("risk", "control", "proofs"), rows(), ids=lambda it: it if isinstance(it, str) else ""
)
def test_each_risk_has_a_control_and_a_test_that_exists(
    risk: str, control: str, proofs: list[str], tests: set[str]
) -> None:
    assert control
    assert proofs, risk
    assert set(proofs) <= tests
