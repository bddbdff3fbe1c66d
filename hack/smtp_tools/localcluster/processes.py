# SPDX-License-Identifier: Apache-2.0
"""One process of the control plane: started, watched, ended; its output in a log file."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from smtp_tools.gobuild.children import start_child
from smtp_tools.localcluster.errors import ClusterError

TAIL_LINES = 15


class Process:
    """A child that dies with this process.

    Attributes:
        log: what it says; appended to.
    """

    def __init__(
        self, command: Sequence[str | Path], *, name: str, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start it.

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
        """Its process id."""
        return self._child.pid

    def exited(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it runs."""
        return self._child.poll()

    def output(self) -> str:
        """All it said since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def described(self) -> str:
        """The end of its log, and where all of it is."""
        tail = "\n".join(self.output().splitlines()[-TAIL_LINES:])
        return f"{tail or '(it said nothing)'}\nThe whole log: {self.log}"

    def end(self, seconds: float) -> int:
        """Ask it to end by SIGTERM; its exit code, that of SIGKILL where it has not ended in time."""
        self._child.terminate()
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.returncode

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself.

        Raises:
            TimeoutExpired: it runs on.
        """
        return self._child.wait(seconds)

    def kill(self) -> None:
        """End it at once and wait until it is gone; does nothing when it is."""
        self._child.kill()
        self._child.wait()
