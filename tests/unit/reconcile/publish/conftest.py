# SPDX-License-Identifier: Apache-2.0
"""A world whose operator publishes."""

from collections.abc import AsyncIterator

import pytest

from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world whose operator runs with --publish; in the end nothing may have gone against the rules."""
    world = World(ReconcilePolicy(publishes=True))
    yield world
    await world.stop()
    assert world.complaints() == []
