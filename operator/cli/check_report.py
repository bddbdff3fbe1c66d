# SPDX-License-Identifier: Apache-2.0
"""How ``smtp-operator check`` shows a test: phases as they come, then the verdict."""

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

from smtp_operator.api.durations import format_duration
from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.cli.streams import write
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
_MARKS, _ASCII_MARKS = ("✓", "✗", "…"), ("ok", "FAILED", "...")
_WIDTH: Final = 100


def exit_code(outcome: Outcome) -> int:
    """0 passed, 1 failed by configuration, 3 failed in a way that may pass, 4 password not resolved."""
    verdict = outcome.verdict
    if verdict.passed:
        return PASSED
    if outcome.password is not None and not outcome.password.resolved:
        return PASSWORD_UNRESOLVED
    return TRANSIENT if verdict.retry in _MAY_PASS else FAILED


@dataclass(frozen=True, slots=True)
class Look:
    """What a stream can show."""

    live: bool = False
    """Whether a line may be written over."""
    colour: bool = False
    marks: tuple[str, str, str] = _MARKS

    @classmethod
    def of(cls, stream: TextIO, environment: Mapping[str, str]) -> "Look":
        """Colours on a terminal only, and not where NO_COLOR is set (no-color.org)."""
        live = stream.isatty() and environment.get("TERM") != "dumb"
        try:
            "".join(_MARKS).encode(stream.encoding or "utf-8")
        except (UnicodeEncodeError, LookupError):
            marks = _ASCII_MARKS
        else:
            marks = _MARKS
        return cls(live=live, colour=live and not environment.get("NO_COLOR"), marks=marks)

    def marked(self, *, good: bool, text: str = "") -> str:
        """The mark of success or failure, and a text of the same colour."""
        mark = self.marks[0] if good else self.marks[1]
        return self._painted(f"{mark} {text}" if text else mark, _GREEN if good else _RED)

    def dim(self, text: str) -> str:
        """Something of less importance."""
        return self._painted(text, _DIM)

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self.colour else text


class Progress:
    """Writes one line a phase when it is over, and on a terminal the one under way too.

    A reader who goes away disturbs no test.
    """

    def __init__(self, output: TextIO, look: Look, *, clock: Callable[[], float]) -> None:
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
        start = "\r" if self._look.live else ""
        write(self._output, f"{start}  {self._look.marked(good=good)} {self._phase} {took}\n")
        self._phase = None


def as_text(name: str, outcome: Outcome, look: Look) -> str:
    """The verdict for people: what it is, what to do, and of a failed test the dialogue."""
    verdict, report = outcome.verdict, outcome.report
    lines = [f"{look.marked(good=verdict.passed, text=verdict.summary)}  {name}"]
    lines += _wrapped(verdict.message)
    if outcome.password is not None and outcome.password.resolved and outcome.password.message:
        lines += _wrapped(outcome.password.message)
    if not verdict.passed and report.dialogue:
        lines += ["", "  The dialogue:"]
        lines += [f"    {look.dim(line)}" for line in report.dialogue]
    suggestion = facts.suggestion(verdict)
    if suggestion is not None:
        lines += ["", "  A second look found that this would work:"]
        fields = suggestion.model_dump(mode="json", by_alias=True, exclude_none=True)
        lines += [f"    {field}: {value}" for field, value in fields.items()]
    return "\n".join(lines) + "\n"


def as_json(name: str, outcome: Outcome) -> str:
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
    return json.dumps(shown, indent=2) + "\n"  # in ASCII, whatever the locale


def _wrapped(text: str) -> list[str]:
    # No value that is to be copied may be broken in two.
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
