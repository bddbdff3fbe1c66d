# SPDX-License-Identifier: Apache-2.0
"""A process of the control plane, with its output in a log file."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from smtp_tools.gobuild.children import start_child
from smtp_tools.localcluster.errors import ClusterError

TAIL_LINES = 15


class Process:
    """A child that dies with this process.

    Attributes:
        log: its output; appended.
    """

    def __init__(
        self, command: Sequence[str | Path], *, name: str, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start the process.

        Raises:
            ClusterError: the program cannot be started.
        """
        self.name = name
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            try:
                self._child = start_child(
                    command, environment=environment, stdout=output, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise ClusterError(f"{name} cannot be started: {command[0]}: {error.strerror}") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def exited(self) -> int | None:
        """Return its exit code (negative: the signal that killed it), or None while it runs."""
        return self._child.poll()

    def output(self) -> str:
        """Return its output since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def described(self) -> str:
        """Return the end of its log, and the path of the log."""
        tail = "\n".join(self.output().splitlines()[-TAIL_LINES:])
        return f"{tail or '(it said nothing)'}\nThe whole log: {self.log}"

    def end(self, seconds: float) -> int:
        """Stop it by SIGTERM, or by SIGKILL if that takes too long; return its exit code."""
        self._child.terminate()
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.returncode

    def wait(self, seconds: float) -> int:
        """Wait until it stops without a signal from here; return its exit code.

        Raises:
            TimeoutExpired: it keeps running.
        """
        return self._child.wait(seconds)

    def kill(self) -> None:
        """Kill it and wait until it is gone; do nothing if it has stopped."""
        self._child.kill()
        self._child.wait()
