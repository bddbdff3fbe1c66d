# SPDX-License-Identifier: Apache-2.0
"""Each verdict needs one status write, or two if the test is slow; there are no others."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import Answer, World, fails, passes


@pytest.mark.parametrize("answer", [passes(), fails(Reason.RELAY_DENIED), fails(Reason.CONNECT_TIMEOUT)])
async def test_a_verdict_is_one_write(world: World, answer: Answer) -> None:
    await world.start()
    world.engine.script(answer)
    mail = world.smtp_config().create()
    await world.passes(20)
    assert len(mail.writes) == 1


@pytest.mark.parametrize("seconds", [1.5, 45.0, 600.0])
async def test_a_long_test_is_two_writes(world: World, seconds: float) -> None:
    await world.start()
    world.engine.script(passes(seconds=seconds))
    mail = world.smtp_config().create()
    await world.passes(seconds + 20)
    assert len(mail.writes) == 2


async def test_a_long_test_of_settings_whose_login_was_taken_away_says_nothing_of_a_password(
    world: World,
) -> None:
    mail = await world.ready()
    world.engine.script(passes(seconds=45))
    mail.edit(username=None, password=None)
    await world.passes(10)
    assert mail.conditions == {"Ready": ("Unknown", "Testing"), "Reconciling": ("True", "Testing")}


async def test_a_long_recheck_is_one_write(world: World) -> None:
    mail = await world.ready()
    world.engine.script(passes(seconds=45))
    await world.passes(1.2 * 3600)
    assert len(mail.writes) == 1


async def test_a_test_reads_its_secret_once_and_the_object_not_at_all(world: World) -> None:
    """The event has just shown it."""
    await world.start()
    world.put_secret(password="s3cret-1", username="mailer")
    mail = world.smtp_config()
    mail.create_with_login(username=None, usernameRef={"name": "smtp-password"})
    await world.passes(20)
    assert [call for call, _ in world.cluster.calls] == ["get_object", "write_status"]


async def test_between_two_rechecks_nothing_is_called(world: World) -> None:
    mail = await world.ready()
    await world.passes(3500)
    assert world.cluster.calls == []
    assert mail.runs == []


async def test_our_own_writes_wake_no_object(world: World) -> None:
    mail = await world.ready()
    mail.request_test()
    await world.passes(60)
    calls = [call for call, _ in world.cluster.calls]
    assert calls.count("write_status") == 1
    assert calls.count("get_object") == 1


async def test_a_relist_wakes_no_object(world: World) -> None:
    await world.ready()
    world.cluster.relist()
    await world.passes(60)
    assert world.cluster.calls == []


async def test_waiting_costs_two_writes(world: World) -> None:
    """Reconciling at first, Stalled five minutes later."""
    await world.start()
    mail = world.smtp_config().create_with_login()
    await world.passes(3000)
    assert len(mail.writes) == 2


async def test_an_object_that_has_vanished_causes_no_error(world: World) -> None:
    mail = await world.ready()
    world.cluster.faults.after["write_status"] = mail.delete
    mail.edit(port=465)
    await world.passes(60)
    assert world.cluster.dropped == 1
    assert world.writes == []
