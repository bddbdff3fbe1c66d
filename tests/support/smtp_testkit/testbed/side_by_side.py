# SPDX-License-Identifier: Apache-2.0
"""Tests in several processes on one control plane.

First one process runs the tests that need the control plane alone, while others run those that need none.
Then all run the tests that share it, file by file. Each process has separate namespaces, which the operators
of other processes exclude.

The groups of pytest-xdist (`--dist=loadgroup`) append the group to the test's ID, which pytest 9.2 no longer
accepts. Here workers write the groups to a file, which the scheduler reads.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Generator, Sequence
from enum import IntEnum
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from smtp_testkit.testbed.waiting import until

_FOLDER = "side-by-side"
_ORDER = "order.json"
_OVER = "alone-is-over"
_ALONE = "alone on the control plane"
_MOST = 4
_LONG = 1800.0
"""Seconds; longer than all tests together."""


class FileGroup(IntEnum):
    """The group of a test file."""

    FIRST = 0
    """Runs alone on a control plane without any object of this project."""
    ALONE = 1
    """Runs alone on the control plane."""
    BESIDE = 2
    """Needs no control plane."""
    SHARED = 3
    """Shares the control plane with other tests."""


PLACE = pytest.StashKey[FileGroup]()


def processes(*, waiting: bool) -> int:
    """Return the number of cores plus one, or plus two if tests wait for a control plane; at most four."""
    return min(len(os.sched_getaffinity(0)) + (2 if waiting else 1), _MOST)


def own_prefix(config: pytest.Config) -> str:
    """Return the prefix of this process's namespaces."""
    return f"{getattr(config, 'workerinput', {}).get('workerid', 'test')}-"


def namespaces_of_others(config: pytest.Config) -> list[str]:
    """Return patterns of the namespaces of other processes."""
    told = getattr(config, "workerinput", {})
    workers = [f"gw{number}" for number in range(told.get("workercount", 0))]
    return [f"{it}-*" for it in workers if it != told["workerid"]]


def put_in_order(config: pytest.Config, items: list[pytest.Item], longest: Sequence[str]) -> None:
    """Sort the tests by group, and pass the groups to the scheduler if there is one.

    ``longest``: files that must start early because they take long; longest first.
    """
    items.sort(key=lambda it: it.stash[PLACE])
    folder = getattr(config, "workerinput", {}).get(_FOLDER)
    if folder is None:
        return
    alone = [it.nodeid for it in items if it.stash[PLACE] <= FileGroup.ALONE]
    others = [it for it in items if it.stash[PLACE] > FileGroup.ALONE]
    places = {_file(it.nodeid): it.stash[PLACE] for it in others}
    sizes = Counter(_file(it.nodeid) for it in others)
    ranks = {file: rank for rank, file in enumerate(longest)}
    order = sorted(sizes, key=lambda it: (places[it], ranks.get(it, len(ranks)), -sizes[it], it))
    # Replaced atomically, because every worker writes the same file.
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as written:
        json.dump({"alone": alone, "order": [_ALONE, *order]}, written)
    Path(written.name).replace(Path(folder, _ORDER))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class SideBySide:
    """A plug-in of the main process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-side-by-side-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker the path of the file."""
        node.workerinput[_FOLDER] = self._folder.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> "InOrder":
        """Return a scheduler that distributes whole files, and all tests that run alone as one unit."""
        return InOrder(config, log, Path(self._folder.name, _ORDER))

    def pytest_unconfigure(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


class InOrder(LoadScopeScheduling):
    """Distributes the tests in the order from the workers."""

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._alone: set[str] = set()
        self._order: Sequence[str] = ()

    def schedule(self) -> None:
        """Read the order, which exists after all workers have collected."""
        told = json.loads(self._file.read_text())
        self._alone, self._order = set(told["alone"]), told["order"]
        super().schedule()

    def _assign_work_unit(self, node: WorkerController) -> None:
        ahead = next((it for it in self._order if it in self.workqueue), None)
        if ahead is not None:
            self.workqueue.move_to_end(ahead, last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        return _ALONE if nodeid in self._alone else _file(nodeid)


class WaitsForLoneTests:
    """A plug-in of each worker: tests that share the control plane wait for those that run alone."""

    def __init__(self, config: pytest.Config) -> None:
        folder = getattr(config, "workerinput", {}).get(_FOLDER)
        self._over = Path(folder, _OVER) if folder else None
        self._begun = False
        """Whether this process is running tests that run alone."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Wait before the test, so that its timeout does not include the wait."""
        # They are sorted by group, so the first one shows whether any runs alone.
        some_are_alone = item.session.items[0].stash[PLACE] <= FileGroup.ALONE
        if self._over and some_are_alone and item.stash[PLACE] is FileGroup.SHARED:
            complaint = "the tests that have the control plane alone do not end"
            until(self._over.exists, complaint, seconds=_LONG)
        elif item.stash[PLACE] <= FileGroup.ALONE:
            self._begun = True
        result = yield
        if self._begun and (nextitem is None or nextitem.stash[PLACE] > FileGroup.ALONE):
            self._end()
        return result

    def pytest_sessionfinish(self) -> None:
        """End the wait of others, also after a failure."""
        if self._begun:
            self._end()

    def _end(self) -> None:
        self._begun = False
        if self._over:
            self._over.touch()
