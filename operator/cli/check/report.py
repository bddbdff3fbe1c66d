# SPDX-License-Identifier: Apache-2.0
"""How ``smtp-operator check`` shows a test: phases as they come, then the verdict."""

import json
from collections.abc import Callable
from typing import Any, TextIO

from smtp_operator.api.durations import format_duration
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.cli.exit_codes import code_of
from smtp_operator.cli.streams import Control, write
from smtp_operator.cli.terminal import TerminalStyle, verdict_text
from smtp_operator.reconcile.smtpconfig import status_fields as facts
from smtp_operator.reconcile.smtpconfig.result import TestResult


def exit_code(outcome: TestResult) -> int:
    """0 passed, 1 failed by configuration, 3 failed in a way that may pass, 4 password not resolved."""
    resolved = outcome.password is None or outcome.password.resolved
    return code_of(outcome.verdict.retry, password_resolved=resolved)


class CheckProgress:
    """Writes one line a phase when it is over, and on a terminal the one under way too.

    A reader who goes away disturbs no test.
    """

    def __init__(self, output: TextIO, look: TerminalStyle, *, clock: Callable[[], float]) -> None:
        self._output = output
        self._look = look
        self._clock = clock
        self._phase: Phase | None = None
        self._since = 0.0

    def entered(self, phase: Phase) -> None:
        """A phase begins, so the one before is over."""
        if phase is self._phase:
            return
        self._close(good=True)
        self._phase, self._since = phase, self._clock()
        if self._look.live:
            write(self._output, f"  {self._look.marks[2]} {phase}")

    def note(self, text: str) -> None:
        """Show a sentence between the phases."""
        start = Control.LINE_START if self._look.live and self._phase is not None else ""
        write(self._output, f"{start}  {text}\n")
        if start:
            write(self._output, f"  {self._look.marks[2]} {self._phase}")

    def ended(self, verdict: Verdict) -> None:
        """The test is over."""
        # Where some recipients were refused it went on after the phase that failed.
        self._close(good=verdict.passed or verdict.phase not in (None, self._phase))

    def broken_off(self) -> None:
        """There will be no verdict."""
        self._close(good=False)

    def _close(self, *, good: bool) -> None:
        if self._phase is None:
            return
        took = format_duration(self._clock() - self._since)
        start = Control.LINE_START if self._look.live else ""
        write(self._output, f"{start}  {self._look.marked(good=good)} {self._phase} {took}\n")
        self._phase = None


def as_text(name: str, outcome: TestResult, look: TerminalStyle) -> str:
    """The verdict for people: what it is, what to do, and of a failed test the dialogue."""
    verdict = outcome.verdict
    paragraphs = [verdict.message]
    if outcome.password is not None and outcome.password.resolved:
        paragraphs.append(outcome.password.message)
    return verdict_text(
        look,
        name=name,
        passed=verdict.passed,
        summary=verdict.summary,
        paragraphs=paragraphs,
        dialogue=() if verdict.passed else outcome.report.dialogue,
        suggestion=facts.suggestion(verdict),
    )


def as_json(name: str, outcome: TestResult) -> str:
    """The verdict for programs; keys are those of status and are kept compatible."""
    verdict = outcome.verdict
    suggestion, password = facts.suggestion(verdict), None
    if outcome.password is not None and outcome.password.resolved:
        password = facts.password_read(outcome)
    shown: dict[str, Any] = {
        "name": name,
        "passed": verdict.passed,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "summary": verdict.summary,
        "phase": str(verdict.phase) if verdict.phase else None,
        "retry": str(verdict.retry),
        "exitCode": exit_code(outcome),
        "test": facts.last_test(outcome).model_dump(mode="json", by_alias=True, exclude_none=True),
        "password": password and password.model_dump(mode="json", by_alias=True, exclude_none=True),
        "suggestion": suggestion and suggestion.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return json.dumps(shown, indent=2).replace("\x7f", "\\u007f") + "\n"  # in ASCII, whatever the locale
