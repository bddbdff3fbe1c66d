# SPDX-License-Identifier: Apache-2.0
"""The operator deletes finished SmtpTests after ``ttlAfterFinished``, and no others."""

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails
from smtp_testkit.simulation.smtp_tests import SmtpTest

HOUR = 3600.0


@pytest.mark.parametrize("reason", [None, Reason.GREYLISTED])
async def test_it_is_deleted_after_its_time(world: World, reason: Reason | None) -> None:
    if reason is not None:
        world.engine.script(fails(reason))
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1h")
    await world.passes(HOUR - 10)
    assert once.exists
    await world.passes(20)
    assert not once.exists


async def test_without_a_time_it_is_kept(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(7 * 24 * HOUR)
    assert once.exists


async def test_one_that_waits_is_not_deleted(world: World) -> None:
    await world.start()
    tests = [
        SmtpTest(world, f"try-{number:02}").create(mode="Connect", ttlAfterFinished="1m")
        for number in range(30)
    ]
    await world.passes(30)
    assert sum(it.exists for it in tests) == 30
    await world.passes(10 * 60)
    assert sum(it.exists for it in tests) == 0
    assert len(world.runs) == 30


async def test_a_restart_keeps_the_time(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1h")
    await world.passes(HOUR / 2)
    await world.restart(after=60)
    await world.passes(HOUR / 2 - 120)
    assert once.exists
    await world.passes(120)
    assert not once.exists


async def test_a_time_that_is_over_at_the_start_is_over(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1h")
    await world.passes(60)
    await world.restart(after=2 * HOUR)
    await world.passes(5)
    assert not once.exists
    assert len(world.mails) == 1


async def test_a_changed_one_is_read_again_before_it_is_deleted(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1h")
    await world.passes(60)
    world.cluster.deaf = True
    once.annotate(owner="team-a")
    await world.passes(HOUR)
    assert not once.exists


async def test_another_one_of_the_same_name_is_not_deleted(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1h")
    await world.passes(60)
    world.cluster.deaf = True
    once.delete()
    once.create()
    await world.passes(2 * HOUR)
    assert once.exists


@pytest.mark.parametrize("error", [ApiUnavailable("503"), AccessDenied("403")])
async def test_a_refused_deletion_is_tried_again(world: World, error: ApiUnavailable) -> None:
    await world.start()
    once = SmtpTest(world).create(ttlAfterFinished="1m")
    world.cluster.fail_next("delete", error)
    await world.passes(65)
    assert once.exists
    await world.passes(120)
    assert not once.exists
