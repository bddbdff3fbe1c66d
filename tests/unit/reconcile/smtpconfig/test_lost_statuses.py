# SPDX-License-Identifier: Apache-2.0
"""A removed status is restored by one test; a partial loss that keeps the verdict needs none."""

import pytest

from smtp_operator.api.objects import JsonObject
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

UNSEEN = {"observedGeneration": -1}


@pytest.mark.parametrize("left", [UNSEEN, {}])
async def test_a_lost_status_costs_one_test_at_once(world: World, left: JsonObject) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.storage.put_status(mail.key, left)
    await world.passes(300)
    assert (mail.trigger, mail.reason, len(mail.runs)) == ("SpecChanged", "TestEmailSent", 1)


async def test_so_does_that_of_one_that_failed_for_good(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED))
    mail = world.smtp_config().create()
    await world.passes(60)
    world.forget()
    world.cluster.storage.put_status(mail.key, UNSEEN)
    await world.passes(300)
    assert (mail.reason, len(mail.runs)) == ("TestEmailSent", 1)


async def test_a_status_that_is_put_back_costs_nothing(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    status = world.cluster.storage.smtp_configs[mail.key]["status"]
    world.cluster.storage.put_status(mail.key, status | {"summary": "by hand"})
    world.cluster.storage.put_status(mail.key, status)
    await world.passes(300)
    assert mail.runs == []


async def test_one_that_loses_its_status_again_and_again_is_tested_three_times_in_half_a_minute(
    world: World,
) -> None:
    mail = await world.ready()
    await world.passes(60)
    for _ in range(30):
        world.cluster.storage.put_status(mail.key, UNSEEN)
        await world.passes(1)
    assert 1 <= len(mail.runs) <= 3


async def test_a_lost_status_of_a_suspended_one_costs_no_test(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    world.cluster.storage.put_status(mail.key, UNSEEN)
    await world.passes(300)
    assert (mail.reason, mail.runs) == ("Suspended", [])
