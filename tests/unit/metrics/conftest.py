# SPDX-License-Identifier: Apache-2.0
"""Metrics as Prometheus would read them, and a world in which something happens."""

from collections.abc import AsyncIterator, Callable

import pytest
from prometheus_client import generate_latest

from smtp_operator.metrics.registry import Metrics
from smtp_testkit.simulation import World
from smtp_testkit.testbed.exposition import Exposition


@pytest.fixture
def metrics() -> Metrics:
    """Of a process that does the work."""
    return Metrics(leads=lambda: True)


@pytest.fixture
def scrape(metrics: Metrics) -> Callable[[], Exposition]:
    """Return the current values."""
    return lambda: Exposition(generate_latest(metrics.registry).decode())


@pytest.fixture
async def world(metrics: Metrics) -> AsyncIterator[World]:
    """An operator that is observed, and its users."""
    world = World()
    world.observer = metrics
    await world.start()
    metrics.attach(world.operator)
    yield world
    await world.stop()
    assert world.complaints() == []
