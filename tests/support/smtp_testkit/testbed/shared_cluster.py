# SPDX-License-Identifier: Apache-2.0
"""A control plane for all processes of a test run.

It belongs to the main process and starts when a test first requests it. Tests use it as a `LocalCluster`:
actions on its processes go through a socket, everything else uses its files.
"""

import tempfile
import threading
from contextlib import ExitStack, suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest
from xdist.workermanage import WorkerController

from smtp_testkit.testbed.crd_deletions import forgotten_deletions_end
from smtp_tools.gobuild import BuildError
from smtp_tools.localcluster import ClusterError, LocalCluster

_INPUT = "cluster"
_ADDRESS = pytest.StashKey[str]()
_MANY = 16
"""Number of processes that can connect at the same time."""


class ClusterOfTheRun(LocalCluster):
    """The control plane of this run, for tests in any process."""

    def __init__(self, config: pytest.Config) -> None:
        """Wait until the control plane runs; the first call starts it.

        Raises:
            ClusterError: it did not start.
        """
        told = getattr(config, "workerinput", {}).get(_INPUT)
        self._address: str = told or config.stash[_ADDRESS]
        super().__init__(_ask(self._address, "components"), remove_directory=False)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the running programs, by name."""
        found: dict[str, int] = _ask(self._address, "pids")
        return found

    def stop_apiserver(self) -> None:
        """Kill the API server: connections break, new ones are refused, data is kept."""
        _ask(self._address, "stop")

    def start_apiserver(self) -> None:
        """Start the API server again, on the same port with the same data; return when it is ready.

        Raises:
            ClusterError: it did not start, or was not stopped before.
        """
        _ask(self._address, "start")


class SharedCluster:
    """A plug-in of the main process.

    Processes of the control plane die with the thread that started them, so one thread does everything.
    """

    def __init__(self) -> None:
        """Prepare the control plane, which starts at the first request."""
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-cluster-")
        self._address = str(Path(self._folder.name, "socket"))
        self._listener = Listener(self._address, "AF_UNIX", _MANY)
        self._thread = threading.Thread(target=self._serve, name="control plane", daemon=True)
        self._thread.start()
        self._cluster: LocalCluster | None = None

    @property
    def audit_log(self) -> Path | None:
        """The audit log of the API server; None: no test needed one."""
        return self._cluster.audit_log if self._cluster else None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Give this process the address of the socket."""
        config.stash[_ADDRESS] = self._address

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker the address of the socket."""
        node.workerinput[_INPUT] = self._address

    def pytest_unconfigure(self) -> None:
        """Stop the control plane and remove its files."""
        _ask(self._address, "end")
        self._thread.join()
        self._folder.cleanup()

    def _serve(self) -> None:
        asked = ""
        with self._listener, ExitStack() as stack:
            while asked != "end":
                with self._listener.accept() as connection, suppress(EOFError, OSError):
                    asked = connection.recv()
                    connection.send(self._answer(asked, stack))

    def _answer(self, asked: str, stack: ExitStack) -> object:
        if asked == "end":
            return None
        try:
            self._cluster = self._cluster or _started(stack)
            if asked == "components":
                return self._cluster.components
            if asked == "pids":
                return self._cluster.pids
            return {"stop": self._cluster.stop_apiserver, "start": self._cluster.start_apiserver}[asked]()
        except (ClusterError, BuildError) as error:
            return error


def _started(stack: ExitStack) -> LocalCluster:
    cluster = stack.enter_context(LocalCluster.start())
    stack.enter_context(forgotten_deletions_end(cluster))
    return cluster


def _ask(address: str, what: str) -> Any:
    with Client(address, "AF_UNIX") as connection:
        connection.send(what)
        answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer
