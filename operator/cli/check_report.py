# SPDX-License-Identifier: Apache-2.0
"""How ``smtp-operator check`` shows a test: phases as they come, then the verdict."""

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from smtp_operator.api.durations import format_duration
from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase
from smtp_operator.reconcile import facts
from smtp_operator.reconcile.outcome import Outcome

PASSED: Final = 0
FAILED: Final = 1
TRANSIENT: Final = 3
PASSWORD_UNRESOLVED: Final = 4

_MAY_PASS: Final = frozenset(
    {
        Retry.TRANSIENT,
        Retry.TRANSIENT_THEN_CONFIGURATION,
        Retry.SLOW,
        Retry.GREYLISTED,
        Retry.UNKNOWN_DELIVERY,
    }
)
_GREEN, _RED, _DIM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_WIDTH: Final = 100


def exit_code(outcome: Outcome) -> int:
    """0 passed, 1 failed by configuration, 3 failed in a way that may pass, 4 password not resolved."""
    verdict = outcome.verdict
    if verdict.passed:
        return PASSED
    if outcome.password is not None and not outcome.password.resolved:
        return PASSWORD_UNRESOLVED
    return TRANSIENT if verdict.retry in _MAY_PASS else FAILED


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


class Progress:
    """Writes one line a phase when it is over, and on a terminal the one under way too."""

    def __init__(self, output: TextIO, *, clock: Callable[[], float], live: bool, colour: bool) -> None:
        self._output = output
        self._clock = clock
        self._live = live
        self._colour = colour
        self._phase: Phase | None = None
        self._since = 0.0

    def entered(self, phase: Phase) -> None:
        """A phase begins, so the one before is over."""
        if phase is self._phase:
            return
        self._close("✓", _GREEN)
        self._phase, self._since = phase, self._clock()
        if self._live:
            self._output.write(f"  … {phase}")
            self._output.flush()

    def ended(self, *, passed: bool) -> None:
        """The test is over; the last phase is where it failed, if it did."""
        self._close("✓" if passed else "✗", _GREEN if passed else _RED)
        self._phase = None

    def _close(self, mark: str, colour: str) -> None:
        if self._phase is None:
            return
        took = format_duration(self._clock() - self._since)
        start = "\r" if self._live else ""
        self._output.write(f"{start}  {_painted(mark, colour, self._colour)} {self._phase} {took}\n")


def as_text(name: str, outcome: Outcome, *, colour: bool) -> str:
    """The verdict for people: what it is, what to do, and of a failed test the dialogue."""
    verdict, report = outcome.verdict, outcome.report
    mark, paint = ("✓", _GREEN) if verdict.passed else ("✗", _RED)
    lines = [f"{_painted(f'{mark} {verdict.summary}', paint, colour)}  {name}"]
    lines += textwrap.wrap(verdict.message, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if outcome.password is not None and outcome.password.resolved and outcome.password.message:
        note = f"Password: {outcome.password.message}"
        lines += textwrap.wrap(note, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if not verdict.passed and report.dialogue:
        lines += ["", "  The dialogue:"]
        lines += [f"    {_painted(line, _DIM, colour)}" for line in report.dialogue]
    suggestion = facts.suggestion(verdict)
    if suggestion is not None:
        lines += ["", "  A second look found that this would work:"]
        fields = suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        lines += [f"    {field}: {value}" for field, value in fields.items()]
    return "\n".join(lines) + "\n"


def as_json(name: str, outcome: Outcome) -> str:
    """The verdict for programs; keys are those of status and are kept compatible."""
    verdict = outcome.verdict
    suggestion, password = facts.suggestion(verdict), facts.password_read(outcome)
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
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _painted(text: str, colour: str, wanted: bool) -> str:
    return f"{colour}{text}{_PLAIN}" if wanted else text
