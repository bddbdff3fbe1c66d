# SPDX-License-Identifier: Apache-2.0
"""Output of ``smtp-operator check``: the phases of the test, then the verdict."""

import json
from collections.abc import Callable
from typing import Any, TextIO

from smtp_operator.api.durations import format_duration
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.cli.exit_codes import code_of
from smtp_operator.cli.streams import Control, write
from smtp_operator.cli.terminal import (
    TerminalStyle,
    delivery_paragraph,
    sender_paragraph,
    verdict_text,
    wrapped,
)
from smtp_operator.reconcile.smtpconfig import status_fields
from smtp_operator.reconcile.smtpconfig.delivery.status import View
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.sender_authentication.report import SenderVerdict


def exit_code(result: TestResult) -> int:
    """Return 0 (passed), 1 (wrong settings), 3 (temporary failure) or 4 (password not resolved)."""
    resolved = result.password is None or result.password.resolved
    return code_of(result.verdict.retry, password_resolved=resolved)


class CheckProgress:
    """Writes a line for each finished phase; on a terminal, also for the running one.

    A closed output does not affect the test.
    """

    def __init__(self, output: TextIO, style: TerminalStyle, *, clock: Callable[[], float]) -> None:
        self._output = output
        self._style = style
        self._clock = clock
        self._phase: Phase | None = None
        self._since = 0.0

    def entered(self, phase: Phase) -> None:
        """Start a phase; the previous one has finished."""
        if phase is self._phase:
            return
        self._close(good=True)
        self._phase, self._since = phase, self._clock()
        if self._style.live:
            write(self._output, f"  {self._style.marks[2]} {phase}")

    def note(self, text: str) -> None:
        """Show a sentence between the phases."""
        start = Control.LINE_START if self._style.live and self._phase is not None else ""
        write(self._output, f"{start}  {text}\n")
        if start:
            write(self._output, f"  {self._style.marks[2]} {self._phase}")

    def ended(self, verdict: Verdict) -> None:
        """Finish the last phase after the test."""
        # If the server rejected only some recipients, the test continued after the failed phase.
        self._close(good=verdict.passed or verdict.phase not in (None, self._phase))

    def aborted(self) -> None:
        """Finish the last phase as failed; there is no verdict."""
        self._close(good=False)

    def _close(self, *, good: bool) -> None:
        if self._phase is None:
            return
        duration = format_duration(self._clock() - self._since)
        start = Control.LINE_START if self._style.live else ""
        write(self._output, f"{start}  {self._style.marked(good=good)} {self._phase} {duration}\n")
        self._phase = None


def as_text(name: str, result: TestResult, style: TerminalStyle) -> str:
    """Return the verdict as text: the result, the fix and, for a failed test, the dialogue."""
    verdict = result.verdict
    paragraphs = [verdict.message]
    if result.password is not None and result.password.resolved:
        paragraphs.append(result.password.message)
    return verdict_text(
        style,
        name=name,
        passed=verdict.passed,
        summary=verdict.summary,
        paragraphs=paragraphs,
        dialogue=() if verdict.passed else result.report.dialogue,
        suggestion=status_fields.suggestion(verdict),
    )


def sender_text(sender: SenderVerdict) -> str:
    """Return what DNS says about the sender, as text."""
    return "\n".join(wrapped(sender_paragraph(sender.reason, sender.message))) + "\n"


def delivery_text(delivered: View) -> str:
    """Return what became of the email, as text."""
    found = delivered.judgement
    return "\n".join(wrapped(delivery_paragraph(found.reason, found.message))) + "\n" if found else ""


def as_json(
    name: str,
    result: TestResult,
    sender: SenderVerdict | None,
    delivered: View | None = None,
    *,
    code: int | None = None,
) -> str:
    """Return the verdict as JSON; keys match the status and stay compatible."""
    verdict = result.verdict
    suggestion, password = status_fields.suggestion(verdict), None
    if result.password is not None and result.password.resolved:
        password = status_fields.password_read(result)
    shown: dict[str, Any] = {
        "name": name,
        "passed": verdict.passed,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "summary": verdict.summary,
        "phase": str(verdict.phase) if verdict.phase else None,
        "retry": str(verdict.retry),
        "exitCode": exit_code(result) if code is None else code,
        "test": status_fields.last_test(result).model_dump(mode="json", by_alias=True, exclude_none=True),
        "password": password and password.model_dump(mode="json", by_alias=True, exclude_none=True),
        "suggestion": suggestion and suggestion.model_dump(mode="json", by_alias=True, exclude_none=True),
        "senderAuthentication": sender
        and {"status": sender.status, "reason": str(sender.reason), "message": sender.message},
    }
    if delivered is not None and delivered.judgement is not None:
        status, reason, message = delivered.judgement
        facts = delivered.delivery
        shown["delivered"] = {"status": status, "reason": reason, "message": message}
        shown["delivery"] = facts and facts.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"tested"}
        )
    return json.dumps(shown, indent=2).replace("\x7f", "\\u007f") + "\n"  # ASCII, independent of the locale
