# SPDX-License-Identifier: Apache-2.0
"""The docs lint finds unwanted words and long sentences, and leaves code, tables and quotations alone."""

from pathlib import Path

import pytest

from smtp_tools.docslint import long_sentences, texts_of, unwanted_words
from smtp_tools.docslint.texts import Kind
from smtp_tools.docslint.words import may_have_unwanted, unwanted_in_name

LONG = "word " * 25 + "end."
SHORT = "word " * 24 + "end."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What mends it.", ["mends"]),
        ("It is made\nanew.", ["anew"]),
        ("A line break of\nits own.", ["of its own"]),
        ("Nobody is told of it.", ["nobody", "told of"]),
        ("The password was had in clear.", ["was had", "in clear"]),
        ("The recommended amendment.", []),
        ("Send it to nobody@example.com.", []),
        ('The server said "nobody home".', []),
        ("This needs clear text.", []),
        ("You can see two of them.", []),
    ],
)
def test_unwanted_words(text: str, found: list[str]) -> None:
    assert unwanted_words(text) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [("told_of", ["told of"]), ("MendedSpec", ["mended"]), ("_FAREWELL", ["farewell"]), ("recommended", [])],
)
def test_unwanted_words_in_names(name: str, found: list[str]) -> None:
    assert unwanted_in_name(name) == found


@pytest.mark.parametrize(
    ("file", "may"),
    [("def told_of():", True), ("# of its\n# own", True), ('"nobody"', True), ("def recommended():", False)],
)
def test_files_that_need_a_closer_look(file: str, may: bool) -> None:
    assert may_have_unwanted(file) is may


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        (f"# Title\n\n{LONG}\n", [3]),
        (f"{SHORT}\n", []),
        (f"{SHORT} {SHORT}\n", []),
        (f"{SHORT[:-1]} [linked words](page.md).\n", [1]),
        (f"* {SHORT}\n* {LONG}\n", [2]),
        (f"```sh\n{LONG}\n```\n", []),
        (f"| a | b |\n| --- | --- |\n| {LONG} | b |\n", []),
        (f"> {LONG}\n", []),
        (f'{"word " * 10}"{LONG}" end.\n', []),
        (f"{'word ' * 20}`{LONG}` end.\n", []),
        (f"<!--\n{LONG}\n-->\n\n{LONG}\n", [5]),
    ],
)
def test_long_sentences(tmp_path: Path, page: str, lines: list[int]) -> None:
    file = tmp_path / "page.md"
    file.write_text(page)

    assert [line for line, _, _ in long_sentences(file)] == lines


def test_a_long_sentence_is_shown_with_its_code(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"Short `a`. {'word ' * 25}`b`.\n")

    assert list(long_sentences(file)) == [(1, 26, f"{'word ' * 25}`b`.")]


def test_the_texts_of_a_module(tmp_path: Path) -> None:
    file = tmp_path / "operator" / "module.py"
    file.parent.mkdir()
    file.write_text('"""About."""\n\nNAME = "a message"  # why\n"""What it is."""\n')

    texts = {(it.line, it.kind, it.text) for it in texts_of(file)}

    assert texts == {
        (1, Kind.DOCSTRING, "About."),
        (3, Kind.NAME, "NAME"),
        (3, Kind.MESSAGE, "a message"),
        (3, Kind.COMMENT, "why"),
        (4, Kind.DOCSTRING, "What it is."),
    }


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "values.yaml",
            "# a comment of\n# two lines\nkey: 1\n# another\n",
            ["a comment of two lines", "another"],
        ),
        ("NOTES.txt", "One line.\n", ["One line."]),
        ("data.json", '{"a": "b"}\n', []),
    ],
)
def test_the_texts_of_other_files(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)

    assert [it.text for it in texts_of(tmp_path / name)] == found
