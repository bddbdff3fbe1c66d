# SPDX-License-Identifier: Apache-2.0
"""Each reason has a page: meaning, message, causes with sources, fix, next test, how to reproduce it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from smtp_operator.api.documentation import reason_page
from smtp_operator.api.fixes import fix_for
from smtp_operator.api.reasons import REASONS, Reason
from smtp_testkit.handbook.blocks import blocks_of
from smtp_tools.generate.causes import causes, messages, source_link
from smtp_tools.generate.reason_pages import marked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference" / "reasons"
SECTIONS = ["Message", "Causes", "Fix", "Next test", "Reproduce it"]

each_reason = pytest.mark.parametrize("reason", Reason, ids=str)


def page(reason: Reason) -> str:
    return (ROOT / reason_page(reason)).read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Return the words of a text without markup and line breaks."""
    return " ".join(text.replace("`", "").split())


@each_reason
def test_the_heading_of_the_page_is_exactly_the_reason(reason: Reason) -> None:
    assert re.findall(r"^# (.+)$", page(reason), re.MULTILINE) == [str(reason)]


@each_reason
def test_the_page_has_every_section(reason: Reason) -> None:
    found = re.findall(r"^## (.+)$", page(reason), re.MULTILINE)
    assert [it for it in found if it != "Replies of mail servers"] == SECTIONS


@each_reason
def test_the_page_has_meaning_fix_and_message(reason: Reason) -> None:
    text = plain(page(reason))
    assert plain(marked(REASONS[reason].meaning)) in text
    assert plain(marked(fix_for(reason))) in text
    (block,) = blocks_of(ROOT / reason_page(reason))
    assert plain(block.text) == plain(messages()[reason])


@each_reason
def test_each_cause_has_a_sign_and_a_source(reason: Reason) -> None:
    assert causes()[reason]
    for it in causes()[reason]:
        assert it.cause.endswith(".")
        assert it.tell.endswith(".")
        assert re.fullmatch(r"\[.+\]\(\S+\)", source_link(it.source))


def test_there_is_no_page_without_a_reason() -> None:
    assert {it.stem for it in FOLDER.glob("*.md")} == {Path(reason_page(reason)).stem for reason in Reason}


def test_the_table_of_reasons_links_to_every_page() -> None:
    text = (ROOT / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(reasons/(\w+)\.md\)", text)) == {
        Path(reason_page(reason)).stem for reason in Reason
    }


@cache
def words_of_the_code() -> str:
    """Return all texts of the operator, each on a line; what is inserted into a text ends the line."""
    found = []
    for path in (ROOT / "operator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(" ".join(node.value.split()))
    return "\n".join(found)


@each_reason
def test_the_example_of_a_message_has_the_words_of_the_code(reason: Reason) -> None:
    """Find examples that became outdated; names and replies of servers are not in the code."""
    text = re.sub(r'"[^"]*"', '""', messages()[reason])
    pairs = re.findall(r"(?=(?<![\w./-])([a-z]+ [a-z]+)(?![\w/-]|\.\w))", text)
    unknown = sorted({it for it in pairs if it not in words_of_the_code()})
    assert len(unknown) <= max(1, 0.3 * len(pairs)), f"reword messages.yaml: {unknown}"


def test_pages_differ_in_more_than_upper_and_lower_case() -> None:
    """Otherwise, two of them would be one file on macOS and Windows."""
    names = [it.name.casefold() for it in FOLDER.glob("*.md")]
    assert len(names) == len(set(names))
