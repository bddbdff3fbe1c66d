# SPDX-License-Identifier: Apache-2.0
"""No text from a file, an object or a server can control the user's terminal."""

import ast
import io
from pathlib import Path
from typing import Final

import pytest

import smtp_operator.cli.streams
from smtp_operator.api.status import SuggestedSettings
from smtp_operator.cli.streams import Control, one_line, write
from smtp_operator.cli.terminal import TerminalStyle, verdict_text

PACKAGE: Final = Path(smtp_operator.cli.streams.__file__).parent

ATTACKS: Final = {
    "color": ("a\x1b[31mb", "ab"),
    "the command's own color": ("a\x1b[32m✓ Passed\x1b[0m", "a✓ Passed"),
    "cursor": ("a\x1b[2Jb\x1b[1;1Hc", "abc"),
    "title (OSC)": ("a\x1b]0;pwned\x07b", "ab"),
    "link (OSC 8)": ("\x1b]8;;https://evil.example\x1b\\ok\x1b]8;;\x1b\\", "ok"),
    "clipboard without an end (OSC 52)": ("a\x1b]52;c;cm0=", "a"),
    "device control": ("a\x1bP+q\x1b\\b", "ab"),
    "C1 control": ("a\x9b31mb\x9d0;x\x9cc", "abc"),
    "half a sequence": ("a\x1b", "a"),
    "line written over": ("Failed\rPassed", "Failed Passed"),
    "backspaces": ("Failed\x08\x08", "Failed  "),
    "bidi override": ("a\u202eb\u2066c\u2069", "abc"),
    "zero width": ("a\u200bb\u200c\u200d\u2060\ufeffc", "abc"),
    "shown as nothing": ("a\u3164b\u115f\ufe0fc\U000e0100", "abc"),
    "tags": ("a\U000e0041\U000e007f", "a"),
    "line separators": ("a\u2028b\u2029c\x85d", "a b c d"),
    "private use and noncharacters": ("a\ue000b\ufdd0c", "a\ufffdb\ufffdc"),
    "half a pair": ("a\ud800b", "a\ufffdb"),
    "tab": ("a\tb", "a b"),
    "delete": ("a\x7fb", "a b"),
    "nothing": ("Grüße, 世界 ✓ …", "Grüße, 世界 ✓ …"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_output_contains_no_foreign_control_sequences(attack: str) -> None:
    text, expected = ATTACKS[attack]
    output = io.StringIO()

    assert write(output, f"{text}\n") is None

    assert output.getvalue() == f"{expected}\n"


def test_the_colors_of_the_command_itself_are_kept() -> None:
    output = io.StringIO()

    write(output, f"{Control.LINE_START}{Control.RED}a\x1b[32mb{Control.PLAIN}\n")

    assert output.getvalue() == "\r\x1b[31mab\x1b[0m\n"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_of_a_verdict_is_one_line_without_controls(attack: str) -> None:
    """Name, summary, message, dialogue and suggestion come from an object that others can change."""
    text = f"{ATTACKS[attack][0]}\nReady"
    output = io.StringIO()

    shown = verdict_text(
        TerminalStyle(),
        name=text,
        passed=False,
        summary=text,
        paragraphs=[text],
        dialogue=[text],
        suggestion=SuggestedSettings.model_construct(helo_name=text),
    )
    write(output, shown)

    assert not [line for line in output.getvalue().splitlines() if line.strip() == "Ready"]
    assert one_line(text) == f"{ATTACKS[attack][1]} Ready"


def test_only_one_function_writes_to_the_terminal() -> None:
    """Only argparse prints otherwise: the command's help, and words that the user typed.

    ``server.py`` writes responses to a browser.
    """
    others = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name not in {"streams.py", "crds.py", "logs.py", "server.py"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "print")
            or (isinstance(node.func, ast.Attribute) and node.func.attr in {"write", "writelines"})
        )
    ]
    assert not others
