# SPDX-License-Identifier: Apache-2.0
"""Shows verdicts, and the progress of running tests, for ``kubectl smtp``."""

import shutil
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot, short_time
from smtp_operator.cli.kubectl.wait import TestAnswer, wait_before_test
from smtp_operator.cli.streams import Control, one_line, write
from smtp_operator.cli.terminal import TerminalStyle, delivery_paragraph, sender_paragraph, verdict_text
from smtp_operator.sender_authentication.report import CONDITION as SENDER_AUTHENTICATION


def verdict_of(config: ConfigSnapshot, style: TerminalStyle, now: float) -> str:
    """Return the verdict: green with the server's reply, or red with message, dialogue and suggestion."""
    status, last = config.status, config.status.last_test
    password = status.condition("PasswordResolved")
    paragraphs = [config.ready.message] if config.ready else []
    if config.passed and last is not None and last.response:
        paragraphs.append(f"The server replied: {last.response}")
    if config.has_verdict and password is not None and password.status == "True":
        paragraphs.append(password.message)
    published = status.condition("Published")
    if config.has_verdict and published is not None:
        paragraphs.append(published.message)
    delivered = status.condition("Delivered")
    if config.has_verdict and delivered is not None:
        paragraphs.append(delivery_paragraph(delivered.reason, delivered.message))
    sender = status.condition(SENDER_AUTHENTICATION)
    if config.has_verdict and sender is not None:
        paragraphs.append(sender_paragraph(sender.reason, sender.message))
    if config.smtp_test is None:
        paragraphs.append(f"Next test {config.retry_description(now)}.")
    return verdict_text(
        style,
        name=str(config.key),
        passed=config.passed,
        summary=config.summary,
        paragraphs=paragraphs,
        dialogue=last.dialogue if config.passed is False and last is not None else (),
        suggestion=status.suggestion if config.has_verdict else None,
    )


def history_of(config: ConfigSnapshot, now: float) -> str:
    """Return the times of the verdict and of the last tests, one per line."""
    last = config.status.last_test
    rows = [("Since", _moment(config.since, now))]
    if last is not None:
        how = ", ".join(filter(None, [last.trigger, last.mode, last.duration]))
        rows.append(("Last test", f"{_moment(from_timestamp(last.start_time), now)}: {how}"))
    rows.append(("Last passed", _moment(from_timestamp(config.status.last_success_time), now)))
    published, binding = config.status.published, config.status.binding
    if published is not None and binding is not None:
        proven = _moment(from_timestamp(published.proven_time), now)
        rows.append(("Published", f"Secret {binding.name}, last proven {proven}"))
    return "".join(f"  {title + ':':<13}{one_line(text)}\n" for title, text in rows)


def listing(
    configs: Sequence[ConfigSnapshot], style: TerminalStyle, now: float, *, namespaces: bool, wide: bool
) -> list[str]:
    """Return a table with a row for each SmtpConfig, in the format of kubectl."""
    head = ["NAME", "READY", "STATUS", "SINCE", "NEXT-TEST"]
    rows = [head + ["SERVER", "MESSAGE"] * wide]
    for config in configs:
        since = "" if config.since is None else short_time(now - config.since)
        ready = "Unknown" if config.passed is None else str(config.passed)
        row = [config.key.name, ready, config.summary, since, config.retry_description(now)]
        rows.append(row + [config.server, config.ready.message if config.ready else ""] * wide)
    if namespaces:
        names = ["NAMESPACE", *(config.key.namespace for config in configs)]
        rows = [[name, *row] for name, row in zip(names, rows, strict=True)]
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    ready_column = rows[0].index("READY")
    for config, row in zip(configs, cells[1:], strict=True):
        if config.passed is not None:
            row[ready_column] = style.painted(row[ready_column], good=config.passed)
    return ["   ".join(row).rstrip() for row in cells]


class TestProgress:
    """Shows the progress of requested tests: a line for each phase; a terminal shows one line and updates it.

    A closed output does not affect a test.
    """

    def __init__(self, output: TextIO, style: TerminalStyle, *, total: int) -> None:
        """Prepare the progress; nothing is written yet.

        Args:
            output: the stream to write to.
            style: the capabilities of the stream.
            total: the number of requested tests.
        """
        self._output = output
        self._style = style
        self._total = total
        self._answered = 0
        self._last = ""

    def requested(self, config: ConfigSnapshot) -> None:
        """Show that a test was requested, or entered another phase."""
        if config.phase:
            self._say(f"{config.key}: phase {config.phase}")
        elif config.under_test:
            self._say(f"{config.key}: test started")
        elif config.smtp_test is not None:
            waits = f"; {config.summary}" if config.held else ""
            self._say(f"{config.key}: SmtpTest {config.smtp_test} created{waits}")
        else:
            self._say(f"{config.key}: test requested" + (f"; {why}" if (why := _delay(config)) else ""))

    def answered(self, answer: TestAnswer) -> None:
        """Count a finished test; for a single test, show the time of each phase."""
        self._answered += 1
        self.clear()
        if answer.problem:
            write(self._output, f"kubectl smtp: {answer.config.key}: {one_line(answer.problem)}\n")
        elif self._total == 1:
            self._phases(answer.config)
        elif self._style.live and self._answered < self._total:
            self._say(f"{self._answered} of {self._total} tests finished")

    def no_test_started(self) -> None:
        """Report that no test has started for some time."""
        self.warn("no test has started so far. Is the operator running, and does it serve this namespace?")

    def warn(self, text: str) -> None:
        """Show a sentence about something that the user has to know."""
        self.clear()
        write(self._output, f"kubectl smtp: {one_line(text)}\n")

    def clear(self) -> None:
        """Clear the progress line on the terminal."""
        if self._style.live and self._last:
            write(self._output, Control.CLEAR_LINE)
        self._last = ""

    def _say(self, text: str) -> None:
        text = one_line(text)
        if text == self._last:
            return
        line = f"  {self._style.marks[2]} {text}"
        if self._style.live:
            write(self._output, Control.CLEAR_LINE + line[: max(shutil.get_terminal_size().columns - 1, 20)])
        else:
            write(self._output, f"{line}\n")
        self._last = text

    def _phases(self, config: ConfigSnapshot) -> None:
        phases = config.status.last_test.phases if config.status.last_test else []
        failed = max((i for i, it in enumerate(phases) if it.name == config.failed_phase), default=-1)
        for i, phase in enumerate(phases):
            mark = self._style.marked(good=i != failed)
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
