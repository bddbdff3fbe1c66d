# SPDX-License-Identifier: Apache-2.0
"""Texts and names are plain English: no word sounds translated, no docstring opens with a pronoun."""

import re
from pathlib import Path

import pytest

from smtp_tools.docslint.texts import Kind, Text, docstrings_of, texts_of
from smtp_tools.docslint.words import may_have_unwanted, unwanted_in_name, unwanted_words

ROOT = Path(__file__).parent.parent.parent

RECORDED = re.compile(r"/corpus/\w+\.yaml$|/upgrade/\d|/docslint/")
"""Words of others, and the lint itself, which names the words."""

PRONOUN = re.compile(
    r"(?:he|his|it|its|she|they|their|them|we|you|one|such|nothing|somebody|someone|nobody|"
    r"that|this|these|those|what|whatever|which|who|whoever|whom|whose)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def files(tracked: list[Path]) -> dict[str, Path]:
    """The files that git tracks, by path."""
    paths = {str(it.relative_to(ROOT)): it for it in tracked}
    return {name: path for name, path in paths.items() if not RECORDED.search(f"/{name}")}


@pytest.fixture(scope="module")
def texts(files: dict[str, Path]) -> dict[str, list[Text]]:
    """The texts of all files that can have unwanted words."""
    return {
        name: texts_of(path)
        for name, path in files.items()
        if may_have_unwanted(path.read_text(encoding="utf-8", errors="replace"))
    }


@pytest.mark.parametrize("kind", [Kind.PROSE, Kind.COMMENT, Kind.DOCSTRING, Kind.MESSAGE])
def test_no_text_has_an_unwanted_word(kind: Kind, texts: dict[str, list[Text]]) -> None:
    found = [
        f"{name}:{it.line}: {', '.join(unwanted)}"
        for name, listed in texts.items()
        for it in listed
        if it.kind is kind and (unwanted := unwanted_words(it.text))
    ]
    assert found == []


def test_no_name_has_an_unwanted_word(texts: dict[str, list[Text]]) -> None:
    found = {
        (name, it.text)
        for name, listed in texts.items()
        for it in listed
        if it.kind is Kind.NAME and unwanted_in_name(it.text)
    }
    assert sorted(found) == []


def test_no_file_is_named_by_an_unwanted_word(files: dict[str, Path]) -> None:
    assert [name for name in files if unwanted_in_name(name.replace("/", " "))] == []


def test_no_docstring_opens_with_a_pronoun(files: dict[str, Path]) -> None:
    found = [
        f"{name}:{it.line}: {it.text.strip().partition(chr(10))[0]}"
        for name, path in files.items()
        if path.suffix == ".py"
        for it in docstrings_of(path.read_text(encoding="utf-8"))
        if PRONOUN.match(it.text.strip())
    ]
    assert found == []
