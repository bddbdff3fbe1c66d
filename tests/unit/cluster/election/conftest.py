# SPDX-License-Identifier: Apache-2.0
"""Provide a Lease and its candidates."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.simulation.election import Replicas


@pytest.fixture
async def stage() -> AsyncIterator[Replicas]:
    stage = Replicas()
    yield stage
    for replica in stage.replicas:
        await replica.kill()
