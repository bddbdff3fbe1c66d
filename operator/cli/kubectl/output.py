# SPDX-License-Identifier: Apache-2.0
"""How ``kubectl smtp`` tells a verdict, and while a test runs, how far it has come."""

import shutil
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot, short_time
from smtp_operator.cli.kubectl.wait import TestAnswer, wait_before_test
from smtp_operator.cli.streams import Control, one_line, write
from smtp_operator.cli.terminal import TerminalStyle, verdict_text
from smtp_operator.reconcile.timestamps import from_timestamp


def verdict_of(config: ConfigSnapshot, look: TerminalStyle, now: float) -> str:
    """The verdict: green with the server's answer, or red with message, dialogue and suggestion."""
    status, last = config.status, config.status.last_test
    password = status.condition("PasswordResolved")
    paragraphs = [config.ready.message] if config.ready else []
    if config.passed and last is not None and last.response:
        paragraphs.append(f"The server answered: {last.response}")
    if config.has_verdict and password is not None and password.status == "True":
        paragraphs.append(password.message)
    paragraphs.append(f"Next test {config.retry_description(now)}.")
    return verdict_text(
        look,
        name=str(config.key),
        passed=config.passed,
        summary=config.summary,
        paragraphs=paragraphs,
        dialogue=last.dialogue if config.passed is False and last is not None else (),
        suggestion=status.suggestion if config.has_verdict else None,
    )


def history_of(config: ConfigSnapshot, now: float) -> str:
    """What happened when, one line each."""
    last = config.status.last_test
    rows = [("Since", _moment(config.since, now))]
    if last is not None:
        how = ", ".join(filter(None, [last.trigger, last.mode, last.duration]))
        rows.append(("Last test", f"{_moment(from_timestamp(last.start_time), now)}: {how}"))
    rows.append(("Last passed", _moment(from_timestamp(config.status.last_success_time), now)))
    return "".join(f"  {title + ':':<13}{one_line(text)}\n" for title, text in rows)


def listing(
    configs: Sequence[ConfigSnapshot], look: TerminalStyle, now: float, *, namespaces: bool, wide: bool
) -> list[str]:
    """A row for each, as kubectl sets them."""
    head = ["NAME", "READY", "STATUS", "SINCE", "NEXT-TEST"]
    rows = [head + ["SERVER", "MESSAGE"] * wide]
    for config in configs:
        since = "" if config.since is None else short_time(now - config.since)
        ready = "Unknown" if config.passed is None else str(config.passed)
        row = [config.key.name, ready, config.summary, since, config.retry_description(now)]
        rows.append(row + [config.server, config.ready.message if config.ready else ""] * wide)
    if namespaces:
        spaces = ["NAMESPACE", *(config.key.namespace for config in configs)]
        rows = [[space, *row] for space, row in zip(spaces, rows, strict=True)]
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    ready_column = rows[0].index("READY")
    for config, row in zip(configs, cells[1:], strict=True):
        if config.passed is not None:
            row[ready_column] = look.painted(row[ready_column], good=config.passed)
    return ["   ".join(row).rstrip() for row in cells]


class TestProgress:
    """Tells of tests that were asked for: a line for each new phase, on a terminal one that is written over.

    A reader who goes away disturbs no test.
    """

    def __init__(self, output: TextIO, look: TerminalStyle, *, total: int) -> None:
        """Nothing is told yet.

        Args:
            output: where to.
            look: what that can show.
            total: how many were asked for.
        """
        self._output = output
        self._look = look
        self._total = total
        self._answered = 0
        self._last = ""

    def waits(self, config: ConfigSnapshot) -> None:
        """A test was asked for, or is in another phase than before."""
        if config.phase:
            self._say(f"{config.key}: phase {config.phase}")
        elif config.under_test:
            self._say(f"{config.key}: the test has begun")
        else:
            self._say(f"{config.key}: asked for a test" + (f"; it {why}" if (why := _delay(config)) else ""))

    def answered(self, answer: TestAnswer) -> None:
        """One is over; of a single one it shows how long each phase took."""
        self._answered += 1
        self.clear()
        if answer.problem:
            write(self._output, f"kubectl smtp: {answer.config.key}: {one_line(answer.problem)}\n")
        elif self._total == 1:
            self._phases(answer.config)
        elif self._look.live and self._answered < self._total:
            self._say(f"{self._answered} of {self._total} tests are over")

    def hears_nothing(self) -> None:
        """There was no sign of any test for a while."""
        self.clear()
        text = "nothing heard of the test so far. Is the operator running, and does it serve this namespace?"
        write(self._output, f"kubectl smtp: {text}\n")

    def clear(self) -> None:
        """Takes back the line that is written over."""
        if self._look.live and self._last:
            write(self._output, Control.CLEAR_LINE)
        self._last = ""

    def _say(self, text: str) -> None:
        text = one_line(text)
        if text == self._last:
            return
        line = f"  {self._look.marks[2]} {text}"
        if self._look.live:
            write(self._output, Control.CLEAR_LINE + line[: max(shutil.get_terminal_size().columns - 1, 20)])
        else:
            write(self._output, f"{line}\n")
        self._last = text

    def _phases(self, config: ConfigSnapshot) -> None:
        phases = config.status.last_test.phases if config.status.last_test else []
        failed = max((i for i, it in enumerate(phases) if it.name == config.failed_phase), default=-1)
        for i, phase in enumerate(phases):
            mark = self._look.marked(good=i != failed)
            write(
                self._output,
                f"  {mark} {one_line(phase.name)} {one_line(phase.duration or '')}".rstrip() + "\n",
            )


def _delay(config: ConfigSnapshot) -> str:
    return wait_before_test(config, time.time())


def _moment(seconds: float | None, now: float) -> str:
    if seconds is None:
        return "never"
    local = datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    return f"{local}, {short_time(now - seconds)} ago"
