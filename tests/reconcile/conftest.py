# SPDX-License-Identifier: Apache-2.0
"""A fake clock for every test of the core, and a world to live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulation import World

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under looptime a day of the event loop takes no time."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.looptime(noop_cycles=0))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world whose operator has yet to be started; in the end nothing may have gone against the rules."""
    world = World()
    yield world
    await world.stop()
    assert world.complaints() == []
