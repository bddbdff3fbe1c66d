# SPDX-License-Identifier: Apache-2.0
"""The progress of a test: one updated line on a terminal, else one line for each phase."""

import io
from typing import Any

import pytest

from smtp_operator.cli.kubectl.output import TestProgress
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cli.kubectl.wait import TestAnswer
from smtp_operator.cli.terminal import TerminalStyle
from smtp_testkit.fakeapi.smtpconfigs import failed, passed, smtp_config, under_test

CLEAR = "\r\x1b[K"
ASKED = "  … team-a/mail: test requested"


def seen(status: dict[str, Any] | None = None, name: str = "mail") -> ConfigSnapshot:
    return ConfigSnapshot.of(smtp_config(status, name))


def told(*, live: bool, total: int = 1) -> tuple[io.StringIO, TestProgress]:
    output = io.StringIO()
    return output, TestProgress(output, TerminalStyle(live=live), total=total)


def test_a_terminal_shows_one_line_and_clears_it() -> None:
    output, progress = told(live=True)
    progress.requested(seen())
    progress.requested(seen(under_test("Connect")))
    progress.requested(seen(under_test("Connect")))
    progress.answered(TestAnswer(seen(passed())))
    phase = "  … team-a/mail: phase Connect"
    assert output.getvalue() == (f"{CLEAR}{ASKED}{CLEAR}{phase}{CLEAR}  ✓ Resolve 2ms\n  ✓ Connect 3ms\n")


def test_without_a_terminal_each_phase_is_a_line() -> None:
    output, progress = told(live=False)
    progress.requested(seen())
    progress.requested(seen(under_test("Connect")))
    progress.answered(TestAnswer(seen(failed())))
    assert output.getvalue() == (
        f"{ASKED}\n  … team-a/mail: phase Connect\n  ✓ Resolve 2ms\n  ✗ Connect 3ms\n"
    )


def test_a_line_is_never_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    output, progress = told(live=True)
    progress.requested(seen(name="a-name-that-is-longer-than-the-terminal-is-wide"))
    assert output.getvalue() == f"{CLEAR}  … team-a/a-name-that-is-lon"


def test_several_tests_are_counted() -> None:
    output, progress = told(live=True, total=3)
    progress.requested(seen())
    progress.answered(TestAnswer(seen(passed())))
    assert output.getvalue().endswith(f"{CLEAR}{CLEAR}  … 1 of 3 tests finished")


def test_no_started_test_shows_what_to_check() -> None:
    output, progress = told(live=False)
    progress.requested(seen())
    progress.no_test_started()
    assert output.getvalue() == (
        f"{ASKED}\nkubectl smtp: no test has started so far. Is the operator running, and does it serve"
        " this namespace?\n"
    )


def test_a_closed_output_does_not_affect_the_test() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise io.UnsupportedOperation

    TestProgress(Gone(), TerminalStyle(), total=1).requested(seen())
