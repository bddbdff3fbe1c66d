# SPDX-License-Identifier: Apache-2.0
"""Progress is one line that is rewritten on a terminal, and a line from time to time in a log."""

import io

import pytest

from smtp_tools.gobuild.progress import Progress


class Terminal(io.StringIO):
    """A terminal that keeps its output."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_rewritten() -> None:
    terminal = Terminal()

    with Progress(terminal) as progress:
        progress.show("1 of 2 packages")
        progress.show("2 of 2 packages")

    assert terminal.getvalue() == "\r\x1b[K  1 of 2 packages\r\x1b[K  2 of 2 packages\n"


def test_elsewhere_a_line_is_written_every_15_seconds_and_the_last_one_always() -> None:
    log, now = io.StringIO(), 0.0
    with Progress(log, clock=lambda: now) as progress:
        for now in range(41):
            progress.show(f"{now} of 40 packages")

    assert log.getvalue() == (
        "  0 of 40 packages\n  15 of 40 packages\n  30 of 40 packages\n  40 of 40 packages\n"
    )


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_without_progress_nothing_is_written(stream: io.StringIO) -> None:
    with Progress(stream):
        pass

    assert stream.getvalue() == ""


def test_what_was_shown_last_is_not_repeated() -> None:
    log = io.StringIO()

    with Progress(log) as progress:
        progress.show("1 of 1 packages")

    assert log.getvalue() == "  1 of 1 packages\n"
