# SPDX-License-Identifier: Apache-2.0
"""Tests in several processes: those that share something expensive in one of them, others file by file.

What pytest-xdist has for that (`--dist=loadgroup`) writes the group behind the test's id, which pytest 9.2
does not take any more. Here workers write the groups to a file, and the scheduler reads it.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_INPUT = "groups"


_MOST = 4


def processes() -> int:
    """One more than there are cores, since tests on the control plane mostly wait; four at most."""
    return min(len(os.sched_getaffinity(0)) + 1, _MOST)


class SideBySide:
    """A plugin of the process that hands out the tests."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-groups-")
        self._file = Path(self._folder.name, "groups.json")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tells a worker where to write."""
        node.workerinput[_INPUT] = str(self._file)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> "Together":
        """Hands out whole groups."""
        return Together(config, log, self._file)

    def pytest_unconfigure(self) -> None:
        """Leaves nothing behind."""
        self._folder.cleanup()


class Together(LoadScopeScheduling):
    """Keeps the tests of a group in one process; begins with what takes longest, then with most tests."""

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._groups: Mapping[str, str] = {}
        self._longest: Sequence[str] = ()

    def schedule(self) -> None:
        """All workers have collected, so that the groups are known."""
        told = json.loads(self._file.read_text())
        self._groups, self._longest = told["groups"], told["longest"]
        super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        ahead = next((group for group in self._longest if group in self.workqueue), None)
        if ahead is not None:
            self.workqueue.move_to_end(ahead, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid.partition("::")[0])


def tell_groups(config: pytest.Config, groups: Mapping[str, str], longest: Sequence[str]) -> None:
    """Lets the scheduler know of groups, by the ids of their tests; nothing where there is one process.

    ``longest``: groups, or files, that would keep all waiting if they began late; longest first.
    """
    file = getattr(config, "workerinput", {}).get(_INPUT)
    if file is not None:
        # Whole or not at all: every worker writes the same.
        with tempfile.NamedTemporaryFile("w", dir=Path(file).parent, delete=False) as written:
            json.dump({"groups": groups, "longest": longest}, written)
        Path(written.name).replace(file)
