# SPDX-License-Identifier: Apache-2.0
"""``docs/reference/password-sources.md``: the behavior of each source, from the conformance suite."""

import ast
from collections.abc import Iterator
from pathlib import Path

from smtp_testkit.conformance.source import Source
from smtp_testkit.conformance.sources import SOURCES

SUITE = Path(__file__).resolve().parents[4] / "tests" / "unit" / "secrets" / "conformance"
PARTS = ("values", "logins", "connections", "answers")

_HEAD = """\
# Sources of passwords

This page lists what each source of passwords does. Column names are the values of `status.password.source`.
Each row is a sentence that the tests check with every source. They use a real OpenBao server for HashiCorp
Vault, and simulated servers with the same wire contracts for the others. For a failure, the row shows the
[reason](reasons.md) of the SmtpConfig. A number refers to a note on why the source differs.
"""


def suite() -> Iterator[tuple[str, dict[str, str]]]:
    """Return the parts of the suite: the subject of each, and its tests with their sentences."""
    for name in PARTS:
        part = ast.parse((SUITE / f"test_source_{name}.py").read_text(encoding="utf-8"))
        tests = [it for it in part.body if isinstance(it, ast.AsyncFunctionDef)]
        yield _text_of(part), {it.name: _text_of(it) for it in tests}


def _text_of(node: ast.Module | ast.AsyncFunctionDef) -> str:
    text = ast.get_docstring(node)
    assert text is not None, node
    return text.removesuffix(".")


def conformance_reference() -> str:
    """Return the page without the line that says how it is generated."""
    notes: list[str] = []
    lines = [_HEAD]
    for title, tests in suite():
        head = ("", *(f"`{it.column}`" for it in SOURCES))
        rows = [_row(test, sentence, notes) for test, sentence in tests.items()]
        lines += [f"## {title}", "", *(_line(cells) for cells in (head, ("---",) * len(head), *rows)), ""]
    listed = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n".join([*lines, "## Notes", "", *listed, ""])


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(test: str, sentence: str, notes: list[str]) -> tuple[str, ...]:
    return (sentence, *(_cell(it, test, notes) for it in SOURCES))


def _cell(source: type[Source], test: str, notes: list[str]) -> str:
    if test in source.unlike:
        note = source.unlike[test]
        if note not in notes:
            notes.append(note)
        return f"({notes.index(note) + 1})"
    reason = source.reasons.get(test)
    return f"`{reason}`" if reason else "yes"


def unknown_tests() -> Iterator[str]:
    """Return declarations of sources about tests that do not exist."""
    known = {test for _, tests in suite() for test in tests}
    for source in SOURCES:
        for test in {*source.unlike, *source.reasons} - known:
            yield f"{source.column}: {test}"
