# SPDX-License-Identifier: Apache-2.0
"""A result is written to what was tested, or dropped."""

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes


async def test_it_is_dropped_when_the_spec_changed_amid_the_test(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED, seconds=0.9))
    mail = world.smtp_config().create()
    await world.passes(0.5)
    mail.edit(port=465)
    await world.passes(1)
    assert world.cluster.dropped == 1
    assert [write.generation for write in mail.writes] == [2]
    assert (mail.ready, mail.judged) == ("True", True)


async def test_the_changed_spec_is_tested_right_after(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=20))
    mail = world.smtp_config().create()
    await world.passes(5)
    mail.edit(port=465)
    await world.passes(16)
    assert [run.settings.port for run in mail.runs] == [587, 465]
    assert mail.judged


async def test_it_is_dropped_when_the_object_was_deleted_and_created_again(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED, seconds=5))
    mail = world.smtp_config().create()
    await world.passes(2)
    mail.delete()
    mail.create()
    await world.passes(60)
    assert mail.generation == 1
    assert mail.ready == "True"
    assert len(mail.runs) == 2


async def test_an_object_created_again_unseen_is_tested_for_itself(world: World) -> None:
    """The watch broke, and its new list shows only the second one."""
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED, seconds=5))
    mail = world.smtp_config().create()
    await world.passes(2)
    world.cluster.deaf = True
    mail.delete()
    mail.create()
    world.cluster.deaf = False
    world.cluster.relist()
    await world.passes(60)
    assert mail.ready == "True"


async def test_an_object_created_again_is_found_even_by_asking(world: World) -> None:
    mail = await world.ready()
    world.cluster.deaf = True
    mail.delete()
    mail.create_with_login()
    await world.passes(2 * 3600)
    assert (mail.ready, mail.trigger) == ("True", "SpecChanged")


async def test_a_test_of_a_deleted_object_is_called_off(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=30))
    mail = world.smtp_config().create()
    await world.passes(5)
    mail.delete()
    await world.passes(1)
    assert world.engine.under_way == []


async def test_a_deleted_object_is_forgotten(world: World) -> None:
    mail = await world.ready()
    mail.delete()
    await world.passes(86400)
    assert world.runs == []
    assert world.cluster.calls == []


async def test_an_object_that_a_finalizer_keeps_is_not_tested_any_more(world: World) -> None:
    """A deletion makes a new generation, which with password.value would start a test."""
    mail = await world.ready(password={"value": "s3cret-1"})
    world.storage.terminate_smtp_config(mail.key)
    await world.passes(86400)
    await world.restart()
    await world.passes(60)
    assert world.runs == []
    assert world.writes == []


async def test_an_object_that_is_found_to_go_is_not_tested_any_more(world: World) -> None:
    mail = await world.ready()
    world.cluster.deaf = True
    world.storage.terminate_smtp_config(mail.key)
    await world.passes(86400)
    assert world.runs == []


async def test_a_deletion_that_was_missed_is_found_by_asking(world: World) -> None:
    mail = await world.ready()
    world.cluster.deaf = True
    mail.delete()
    await world.passes(86400)
    assert world.runs == []
    assert [call for call, _ in world.cluster.calls] == ["get_smtp_config"]


async def test_a_label_set_amid_the_test_does_not_cost_the_result(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=0.9))
    mail = world.smtp_config().create()
    await world.passes(0.5)
    mail.annotate(note="x")
    await world.passes(1)
    assert world.cluster.conflicts == 1
    assert (mail.ready, len(mail.runs)) == ("True", 1)


async def test_an_unwritten_verdict_is_not_given_to_its_successor(world: World) -> None:
    """Same name, same generation, another uid."""
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED))
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.delete()
    mail.create()
    await world.passes(60)
    assert [write.status["conditions"][0]["status"] for write in mail.writes] == ["True"]


async def test_an_old_event_does_not_bring_the_old_status_back(world: World) -> None:
    """An event that was sent before our own write arrives after it."""
    await world.start()
    world.cluster.lag = 0.3
    mail = world.smtp_config().create()
    await world.passes(0.32)
    mail.request_test("now")
    await world.passes(0.4)
    assert mail.ready == "True"
    await world.passes(20)
    starts = [run.started for run in mail.runs]
    assert len(starts) == 2
    assert starts[1] - starts[0] > 10
