# SPDX-License-Identifier: Apache-2.0
"""An Event tells that a verdict changed; in a steady state there is none."""

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

HOUR = 3600


async def test_the_first_verdict_is_an_event(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(1)
    (notice,) = world.cluster.notices
    assert notice.key == mail.key
    assert notice.uid == mail.object_["metadata"]["uid"]
    assert (notice.type, notice.reason, notice.action) == ("Normal", "TestEmailSent", "TestSendEmail")
    assert notice.note == "TestEmailSent, said the script."


async def test_a_failure_is_a_warning(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.RELAY_DENIED, message="mx will not relay. Log in."))
    world.smtp_config().create()
    await world.passes(1)
    (notice,) = world.cluster.notices
    assert (notice.type, notice.reason, notice.note) == (
        "Warning",
        "RelayDenied",
        "mx will not relay. Log in.",
    )


async def test_a_steady_state_has_none(world: World) -> None:
    await world.ready(recheck={"interval": "10m"})
    await world.passes(24 * HOUR)
    assert len(world.runs) > 100
    assert world.cluster.notices == []


async def test_a_failure_that_lasts_has_one(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    world.smtp_config().create()
    await world.passes(24 * HOUR)
    assert [notice.reason for notice in world.cluster.notices] == ["ConnectTimeout"]


async def test_another_reason_is_another_event(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT), fails(Reason.BANNER_TIMEOUT))
    world.smtp_config().create()
    await world.passes(24 * HOUR)
    reasons = [notice.reason for notice in world.cluster.notices]
    assert reasons == ["ConnectTimeout", "BannerTimeout", "TestEmailSent"]


async def test_a_failure_that_is_borne_has_none(world: World) -> None:
    await world.ready()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(2 * HOUR)
    assert world.cluster.notices == []


async def test_a_restart_has_none(world: World) -> None:
    await world.ready()
    await world.restart()
    await world.passes(60)
    assert world.cluster.notices == []


async def test_an_announcement_is_no_transition(world: World) -> None:
    mail = await world.ready()
    world.engine.script(passes(seconds=10))
    mail.edit(port=465)
    await world.passes(60)
    assert len(mail.writes) == 2
    assert world.cluster.notices == []


async def test_a_dropped_result_has_none(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED, seconds=5))
    mail = world.smtp_config().create()
    await world.passes(2)
    mail.edit(port=465)
    await world.passes(60)
    assert [notice.reason for notice in world.cluster.notices] == ["TestEmailSent"]


async def test_a_suspension_has_none(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    assert world.cluster.notices == []


async def test_a_spec_that_breaks_a_rule_has_one(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(HOUR)
    (notice,) = world.cluster.notices
    assert (notice.type, notice.reason, notice.action) == ("Warning", "InvalidSpec", "ReadSpec")


async def test_a_note_is_cut_to_a_kilobyte(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.RELAY_DENIED, message="ü" * 2000))
    world.smtp_config().create()
    await world.passes(1)
    (notice,) = world.cluster.notices
    assert len(notice.note.encode()) <= 1024
    assert notice.note.endswith("…")
