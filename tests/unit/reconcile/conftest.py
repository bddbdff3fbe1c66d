# SPDX-License-Identifier: Apache-2.0
"""A fake clock for every test of the core, and a world to live in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from smtp_operator.reconcile import workqueue
from smtp_testkit.simulation import World

HERE = Path(__file__).parent
CLOCKS_ARE_SET = {"test_workqueue.py", "test_wrong_clocks.py", "test_clocks_of_smtp_tests.py"}
"""Tests during which somebody sets a clock that the operator sleeps by."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under looptime a day of the event loop takes no time."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.looptime(noop_cycles=0))


@pytest.fixture(autouse=True, scope="module")
def uninterrupted_sleep(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sleep until each deadline in one go: clock checks cost time, and would hide a missing wake-up."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in CLOCKS_ARE_SET:
            patch.setattr(workqueue, "LONGEST_SLEEP", float("inf"))
        yield


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world whose operator has yet to be started; in the end nothing may have gone against the rules."""
    world = World()
    yield world
    await world.stop()
    assert world.complaints() == []
