# SPDX-License-Identifier: Apache-2.0
"""The operator as a process of its own, as whom its kubeconfig says."""

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
"""As long as the kubelet waits before it kills."""
POLL_SECONDS = 0.02

LOOPBACK = ("--allow-network=127.0.0.0/8", "--allow-smtp-port=1-65535")
"""Lets it speak to mail servers on this machine, which it would not by itself."""


_left_alone: list[str] = []


def leave_alone(namespaces: Sequence[str]) -> None:
    """Has operators that are started from now on, and serve all namespaces, leave out these (patterns)."""
    _left_alone[:] = namespaces


class StartOperator(Protocol):
    """Starts an operator that ends with the test."""

    def __call__(self, *flags: str, kubeconfig: Path | None = None) -> "OperatorProcess":
        """It is ready; `kubeconfig` says as whom, None is its ServiceAccount with the permissions shipped."""


class OperatorError(Exception):
    """The operator did not do what a process should; the text has the end of its log."""


class OperatorProcess:
    """`python -m smtp_operator run` with some flags; dies with this process. A context that ends it.

    Attributes:
        log: what it said, all its lives after each other.
    """

    def __init__(
        self, kubeconfig: Path, log: Path, flags: Sequence[str] = LOOPBACK, *, metrics: bool = False
    ) -> None:
        """Nothing is started before `start`. `metrics`: it serves them, on a port of this machine."""
        self.log = log
        self._kubeconfig = kubeconfig
        self._flags = tuple(flags)
        self._process: Process | None = None
        self._health_port = 0
        self._metrics = metrics
        self._metrics_port = 0

    def start(self) -> Self:
        """Starts it, and returns when it is ready.

        Raises:
            OperatorError: it ended instead.
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
        """Starts it, and waits for nothing."""
        (self._health_port,) = free_ports(1)
        command: list[str | Path] = [sys.executable, "-m", "smtp_operator", "run"]
        command += ["--kubeconfig", self._kubeconfig, f"--health-address=127.0.0.1:{self._health_port}"]
        if self._metrics:
            (self._metrics_port,) = free_ports(1)
            command.append(f"--metrics-address=127.0.0.1:{self._metrics_port}")
        # Nothing of this process's environment: it could hold SMTP_OPERATOR_ variables and proxies.
        environment = {"PATH": os.defpath, "HOME": str(self.log.parent), "PYTHONWARNINGS": "error"}
        if _left_alone:
            environment["SMTP_OPERATOR_EXCLUDE_NAMESPACE"] = ",".join(_left_alone)
        self._process = Process(
            [*command, *self._flags], name="the operator", log=self.log, environment=environment
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.exited() is None

    def output(self) -> str:
        """What it has said since it was last started."""
        return self._running.output()

    def metrics(self) -> str:
        """What /metrics says now; empty where it serves none."""
        return Exposition.scraped(self._metrics_port).text if self._metrics else ""

    def stop(self) -> int:
        """Asks it to end; its exit code, -9 where it has not ended by itself in the time that a Pod has."""
        return self._running.end(STOP_SECONDS)

    def kill(self) -> None:
        """Ends it as a crash would; may be called twice."""
        self._running.kill()

    def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._running.wait(START_SECONDS)

    def restart(self) -> int:
        """Ends it in order, and starts it again; the exit code as of `stop`."""
        code = self.stop()
        self.start()
        return code

    def freeze(self) -> None:
        """Lets it do nothing more until it is killed or thawed."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
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
