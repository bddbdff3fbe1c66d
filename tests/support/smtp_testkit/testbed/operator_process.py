# SPDX-License-Identifier: Apache-2.0
"""The operator in a separate process, as the user of a kubeconfig."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from smtp_testkit.testbed.exposition import Exposition
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

START_SECONDS = 90.0
STOP_SECONDS = 30.0
"""The kubelet's grace period before it kills a process."""
POLL_SECONDS = 0.02

LOOPBACK = ("--allow-network=127.0.0.0/8", "--allow-smtp-port=1-65535")
"""Flags that allow mail servers on this machine, which the defaults deny."""


_left_alone: list[str] = []


def leave_alone(namespaces: Sequence[str]) -> None:
    """Let operators of all namespaces that start from now on exclude these namespaces (patterns)."""
    _left_alone[:] = namespaces


class StartOperator(Protocol):
    """Starts an operator that stops with the test."""

    def __call__(self, *flags: str, kubeconfig: Path | None = None) -> "OperatorProcess":
        """Start an operator and wait until it is ready; default kubeconfig: its ServiceAccount."""


class OperatorError(Exception):
    """The operator did not start or stop as expected; the text has the end of its log."""


class OperatorProcess:
    """`python -m smtp_operator run` with some flags; a context manager. It never outlives this process.

    Attributes:
        log: the output of all its runs.
    """

    def __init__(
        self, kubeconfig: Path, log: Path, flags: Sequence[str] = LOOPBACK, *, metrics: bool = False
    ) -> None:
        """Prepare the process; `start` starts it. `metrics`: serve metrics on a port of this machine."""
        self.log = log
        self._kubeconfig = kubeconfig
        self._flags = tuple(flags)
        self._process: Process | None = None
        self._health_port = 0
        self._metrics = metrics
        self._metrics_port = 0

    def start(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            OperatorError: it stopped instead.
        """
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._running.exited() is not None:
                raise OperatorError(f"the operator ended: {self._running.described()}")
            if time.monotonic() > deadline:
                raise OperatorError(f"the operator does not get ready: {self._running.described()}")
            time.sleep(POLL_SECONDS)
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        (self._health_port,) = free_ports(1)
        command: list[str | Path] = [sys.executable, "-m", "smtp_operator", "run"]
        command += ["--kubeconfig", self._kubeconfig, f"--health-address=127.0.0.1:{self._health_port}"]
        if self._metrics:
            (self._metrics_port,) = free_ports(1)
            command.append(f"--metrics-address=127.0.0.1:{self._metrics_port}")
        # Nothing of this process's environment: it could hold SMTP_OPERATOR_ variables and proxies.
        environment = {"PATH": os.defpath, "HOME": str(self.log.parent), "PYTHONWARNINGS": "error"}
        environment["SMTP_OPERATOR_SENDER_AUTHENTICATION"] = "false"  # tests need no DNS
        if _left_alone:
            environment["SMTP_OPERATOR_EXCLUDE_NAMESPACE"] = ",".join(_left_alone)
        self._process = Process(
            [*command, *self._flags], name="the operator", log=self.log, environment=environment
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running.pid

    @property
    def runs(self) -> bool:
        """Whether it is running."""
        return self._process is not None and self._process.exited() is None

    def output(self) -> str:
        """Return its output since its last start."""
        return self._running.output()

    def metrics(self) -> str:
        """Return the current text of /metrics; empty if it serves none."""
        return Exposition.scraped(self._metrics_port).text if self._metrics else ""

    def stop(self) -> int:
        """Stop it as the kubelet does; return its exit code, -9 after the grace period."""
        return self._running.end(STOP_SECONDS)

    def kill(self) -> None:
        """Kill it, as in a crash. A second call does nothing."""
        self._running.kill()

    def ended(self) -> int:
        """Wait until it stops without a signal from here; return its exit code."""
        return self._running.wait(START_SECONDS)

    def restart(self) -> int:
        """Stop it and start it again; return the exit code of `stop`."""
        code = self.stop()
        self.start()
        return code

    def freeze(self) -> None:
        """Suspend it until it is killed or thawed."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.end(STOP_SECONDS)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise OperatorError("the operator was never started")
        return self._process

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._health_port, timeout=30)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()
