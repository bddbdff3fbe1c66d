# SPDX-License-Identifier: Apache-2.0
"""A Lease and whoever wants it."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.simulation.election import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    for replica in stage.replicas:
        await replica.kill()
