# SPDX-License-Identifier: Apache-2.0
"""Provide a Lease and its candidates."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.simulation.election import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    for replica in stage.replicas:
        await replica.kill()
