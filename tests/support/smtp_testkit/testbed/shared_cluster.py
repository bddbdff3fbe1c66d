# SPDX-License-Identifier: Apache-2.0
"""One control plane for a run of tests, in however many processes they run.

It belongs to the process that hands out the tests, and starts when a test first asks for it. Tests reach it
as a `LocalCluster`: what needs its processes is asked for at a socket, everything else works on its files.
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
"""So many processes may ask at the same time."""


class ClusterOfTheRun(LocalCluster):
    """The control plane of this run, as a test in any of its processes has it."""

    def __init__(self, config: pytest.Config) -> None:
        """Returns when it is up; whoever asks first has it started.

        Raises:
            ClusterError: it does not come up.
        """
        told = getattr(config, "workerinput", {}).get(_INPUT)
        self._address: str = told or config.stash[_ADDRESS]
        super().__init__(_ask(self._address, "components"), remove_directory=False)

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by the names of the programs that run."""
        found: dict[str, int] = _ask(self._address, "pids")
        return found

    def stop_apiserver(self) -> None:
        """Kill the API server: connections break, new ones are refused, data is kept."""
        _ask(self._address, "stop")

    def start_apiserver(self) -> None:
        """Start it again, on the same port with the same data; returns when it is ready.

        Raises:
            ClusterError: it did not come up, or was not stopped before.
        """
        _ask(self._address, "start")


class SharedCluster:
    """A plugin of the process that hands out the tests.

    A process of the control plane dies with the thread that has started it, so that one thread does it all.
    """

    def __init__(self) -> None:
        """Nothing is started before somebody asks."""
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-cluster-")
        self._address = str(Path(self._folder.name, "socket"))
        self._listener = Listener(self._address, "AF_UNIX", _MANY)
        self._thread = threading.Thread(target=self._serve, name="control plane", daemon=True)
        self._thread.start()
        self._cluster: LocalCluster | None = None

    @property
    def audit_log(self) -> Path | None:
        """Of the API server; None: nobody has asked for one."""
        return self._cluster.audit_log if self._cluster else None

    def pytest_configure(self, config: pytest.Config) -> None:
        """Tells this process where to ask."""
        config.stash[_ADDRESS] = self._address

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tells another one."""
        node.workerinput[_INPUT] = self._address

    def pytest_unconfigure(self) -> None:
        """Ends the control plane, and leaves nothing behind."""
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
