# SPDX-License-Identifier: Apache-2.0
"""A process that slept through its term finds that out before it does anything."""

import asyncio

import pytest

from smtp_operator.cluster.leader_election import LeaseLost
from smtp_testkit.simulation.election import Replicas, now

pytestmark = pytest.mark.looptime(noop_cycles=0)


async def test_one_that_slept_sends_nothing_when_it_wakes_up(stage: Replicas) -> None:
    """The clock goes on while a process is stopped; the event loop does not."""
    slept = 0.0
    leader = stage.start(clock=lambda: now() + slept)
    await leader.works.wait()
    leader.lease.check()
    slept = 16.0
    with pytest.raises(LeaseLost, match="not renewed for 16 s"):
        leader.lease.check()
    assert not leader.lease.held
    await leader.ends()


async def test_a_loss_is_for_good(stage: Replicas) -> None:
    slept = 0.0
    leader = stage.start(clock=lambda: now() + slept)
    await leader.works.wait()
    slept = 16.0
    with pytest.raises(LeaseLost):
        leader.lease.check()
    slept = 0.0
    with pytest.raises(LeaseLost):
        leader.lease.check()


async def test_hold_ends_as_soon_as_any_caller_finds_the_loss(stage: Replicas) -> None:
    slept = 0.0
    leader = stage.start(clock=lambda: now() + slept)
    await leader.works.wait()
    await asyncio.sleep(0.5)
    slept = 16.0
    with pytest.raises(LeaseLost):
        leader.lease.check()
    found = now()
    await leader.ends()
    assert now() == found
