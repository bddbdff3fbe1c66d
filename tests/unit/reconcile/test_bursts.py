# SPDX-License-Identifier: Apache-2.0
"""No more than three tests of one object in half a minute, whatever edits it."""

from itertools import pairwise

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails


async def test_edits_in_a_row_are_tested_three_times_in_half_a_minute(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for port in range(1000, 1030):
        mail.edit(port=port)
        await world.passes(1)
    assert len(mail.runs) == 3
    await world.passes(30)
    assert mail.judged
    assert mail.runs[-1].settings.port == 1029
    assert len(mail.runs) == 4


async def test_passwords_in_a_row_too(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for number in range(30):
        world.put_secret(password=f"s3cret-{number}")
        await world.passes(1)
    await world.passes(31)
    assert len(mail.runs) <= 5
    assert world.logins[-1][1] == "s3cret-29"


async def test_edits_with_a_request_each_too(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for port in range(1000, 1030):
        mail.edit(port=port)
        mail.request_test(str(port))
        await world.passes(1)
    assert len(mail.runs) == 3
    await world.passes(31)
    assert mail.status.last_handled_test_request == "1029"


async def test_what_is_tested_once_the_burst_is_over_is_the_last_state(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for port in (1, 2, 3, 4, 5):
        mail.edit(port=port)
        await world.passes(0.5)
    await world.passes(60)
    assert [run.settings.port for run in mail.runs] == [1, 2, 3, 5]


async def test_one_object_does_not_slow_down_another(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for port in (1, 2, 3, 4, 5):
        mail.edit(port=port)
        await world.passes(0.5)
    other = world.smtp_config("other").create()
    await world.passes(1)
    assert other.ready == "True"


async def test_a_secret_that_flaps_runs_no_loop(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    for number in range(60):
        if number % 2:
            world.put_secret(password=f"s3cret-{number}")
        else:
            world.delete_secret()
        await world.passes(1)
    await world.passes(60)
    assert mail.ready == "True"
    starts = [run.started for run in mail.runs]
    assert all(len([it for it in starts if start <= it < start + 30]) <= 3 for start in starts)


async def test_a_secret_that_may_not_be_read_runs_no_loop(world: World) -> None:
    await world.start()
    world.cluster.faults.denied.add(world.put_secret(password="s3cret-1"))
    mail = world.smtp_config().create_with_login()
    await world.passes(600)
    world.annotate_secret(note="x")
    await world.passes(200)
    assert mail.conditions["Ready"] == ("False", "SecretAccessDenied")
    assert len(mail.writes) == 1
    assert [call for call, _ in world.cluster.calls].count("get_object") == 1


async def test_a_secret_that_may_be_read_later_is_found_by_asking(world: World) -> None:
    await world.start()
    world.cluster.faults.denied.add(world.put_secret(password="s3cret-1"))
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    world.cluster.faults.denied.clear()
    await world.passes(1000)
    assert mail.ready == "True"


async def test_a_watch_that_lags_behind_the_read_runs_no_loop(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.lag = 2.0
    world.delete_secret()
    world.put_secret(password="s3cret-2")
    mail.request_test()
    await world.passes(60)
    assert mail.ready == "True"
    assert len(mail.runs) <= 2


async def test_a_failure_is_never_retried_sooner_than_half_a_minute(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.SERVICE_CLOSING))
    mail = world.smtp_config().create()
    await world.passes(3600)
    pauses = [later.started - earlier.started for earlier, later in pairwise(mail.runs)]
    assert min(pauses) >= 30


async def test_a_change_of_an_unreferenced_object_costs_no_call(world: World) -> None:
    await world.ready()
    world.operator.reference_changed(Reference("Secret", "team-b", "stranger"), None)
    await world.passes(10)
    assert world.cluster.calls == []
