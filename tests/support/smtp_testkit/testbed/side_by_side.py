# SPDX-License-Identifier: Apache-2.0
"""Tests in several processes, all on one control plane.

First one process runs the tests that need the control plane for themselves, while others run what needs none.
Then all run what shares it, file by file; each process in namespaces of its own, which the operators of
others leave alone.

What pytest-xdist has for such groups (`--dist=loadgroup`) writes the group behind the test's id, which pytest
9.2 does not take any more. Here workers write the groups to a file, and the scheduler reads it.
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
"""Seconds; longer than all tests take together."""


class Place(IntEnum):
    """When a file of tests has its turn."""

    FIRST = 0
    """Alone on the control plane, and there is nothing of ours on it yet."""
    ALONE = 1
    """On the control plane, with no other test on it."""
    BESIDE = 2
    """It needs none."""
    SHARED = 3
    """It shares the control plane with others."""


PLACE = pytest.StashKey[Place]()


def processes(*, waiting: bool) -> int:
    """One more than there are cores, or two where tests wait for a control plane; four at most."""
    return min(len(os.sched_getaffinity(0)) + (2 if waiting else 1), _MOST)


def own_prefix(config: pytest.Config) -> str:
    """What the names of this process's namespaces begin with."""
    return f"{getattr(config, 'workerinput', {}).get('workerid', 'test')}-"


def namespaces_of_others(config: pytest.Config) -> list[str]:
    """Patterns of the namespaces that tests of other processes work in."""
    told = getattr(config, "workerinput", {})
    workers = [f"gw{number}" for number in range(told.get("workercount", 0))]
    return [f"{it}-*" for it in workers if it != told["workerid"]]


def put_in_order(config: pytest.Config, items: list[pytest.Item], longest: Sequence[str]) -> None:
    """Sorts the tests, whose places are known, and lets the scheduler know where there is one.

    ``longest``: files that would keep all waiting if they began late; longest first.
    """
    items.sort(key=lambda it: it.stash[PLACE])
    folder = getattr(config, "workerinput", {}).get(_FOLDER)
    if folder is None:
        return
    alone = [it.nodeid for it in items if it.stash[PLACE] <= Place.ALONE]
    others = [it for it in items if it.stash[PLACE] > Place.ALONE]
    places = {_file(it.nodeid): it.stash[PLACE] for it in others}
    sizes = Counter(_file(it.nodeid) for it in others)
    ranks = {file: rank for rank, file in enumerate(longest)}
    order = sorted(sizes, key=lambda it: (places[it], ranks.get(it, len(ranks)), -sizes[it], it))
    # Whole or not at all: every worker writes the same.
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as written:
        json.dump({"alone": alone, "order": [_ALONE, *order]}, written)
    Path(written.name).replace(Path(folder, _ORDER))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class SideBySide:
    """A plugin of the process that hands out the tests."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pytest-side-by-side-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tells a worker where to write."""
        node.workerinput[_FOLDER] = self._folder.name

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> "InOrder":
        """Hands out whole files, and what is alone as a whole."""
        return InOrder(config, log, Path(self._folder.name, _ORDER))

    def pytest_unconfigure(self) -> None:
        """Leaves nothing behind."""
        self._folder.cleanup()


class InOrder(LoadScopeScheduling):
    """Hands out the tests in the order that the workers have told."""

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._alone: set[str] = set()
        self._order: Sequence[str] = ()

    def schedule(self) -> None:
        """All workers have collected, so that the order is known."""
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


class InTurn:
    """A plugin of each process that runs tests: has those that share the control plane wait for those that
    do not.
    """

    def __init__(self, config: pytest.Config) -> None:
        folder = getattr(config, "workerinput", {}).get(_FOLDER)
        self._over = Path(folder, _OVER) if folder else None
        self._begun = False
        """Whether this process is in the midst of tests that are alone."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Waits outside of the time that the test itself has."""
        # They are in order of their places, so that the first one says whether any is alone.
        some_are_alone = item.session.items[0].stash[PLACE] <= Place.ALONE
        if self._over and some_are_alone and item.stash[PLACE] is Place.SHARED:
            complaint = "the tests that have the control plane alone do not end"
            until(self._over.exists, complaint, seconds=_LONG)
        elif item.stash[PLACE] <= Place.ALONE:
            self._begun = True
        result = yield
        if self._begun and (nextitem is None or nextitem.stash[PLACE] > Place.ALONE):
            self._end()
        return result

    def pytest_sessionfinish(self) -> None:
        """Also where a failure has ended it."""
        if self._begun:
            self._end()

    def _end(self) -> None:
        self._begun = False
        if self._over:
            self._over.touch()
