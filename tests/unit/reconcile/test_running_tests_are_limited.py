# SPDX-License-Identifier: Apache-2.0
"""A namespace with slow mail servers does not delay the tests of other namespaces."""

from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, passes

MINUTE = 60

OF_NAMESPACE = (
    "This test waits for others to end: 100 tests of namespace team-a are running, and"
    " --max-tests-per-namespace allows no more. No action needed; the operator starts it automatically."
)
OF_OPERATOR = (
    "This test waits for others to end: 4 tests of this operator are running, and --max-tests allows no more."
    " No action needed; the operator starts it automatically."
)


def slow(world: World, count: int, *, namespace: str = "team-a", seconds: float = 300) -> None:
    """SmtpConfigs with a mail server each that answers late."""
    for number in range(count):
        server = f"mx-{number}.{namespace}.example"
        world.engine.always(passes(seconds=seconds), server=server)
        world.smtp_config(f"slow-{number}", namespace).create(server=server, test={"mode": "Login"})


async def test_200_silent_servers_of_one_namespace_take_100_places(world: World) -> None:
    await world.start()
    slow(world, 200)
    await world.passes(MINUTE)
    other = world.smtp_config("corporate-mail", "team-b").create()
    await world.passes(1)

    assert len(world.engine.under_way) == 100
    assert other.ready == "True"


async def test_what_waits_says_so_and_is_tested_in_the_end(world: World) -> None:
    await world.start()
    slow(world, 150)
    await world.passes(5)
    waiting = [m for n in range(150) if (m := world.smtp_config(f"slow-{n}")).reason == "TestsLimited"]

    assert len(waiting) == 50
    mail = waiting[0]
    assert mail.conditions == {"Ready": ("Unknown", "TestsLimited"), "Reconciling": ("True", "TestsLimited")}
    assert mail.status.summary == "TestsLimited: waits, 100 tests at a time allowed"
    reconciling = mail.condition("Reconciling")
    assert reconciling is not None
    assert reconciling.message == OF_NAMESPACE
    await world.passes(11 * MINUTE)
    assert {world.smtp_config(f"slow-{n}").ready for n in range(150)} == {"True"}


async def test_a_free_place_goes_to_the_namespace_with_the_fewest() -> None:
    world = World(ReconcilePolicy(max_tests=4))
    await world.start()
    slow(world, 50, namespace="attacker", seconds=30)
    await world.passes(5)
    mail = world.smtp_config().create()
    await world.passes(3)
    assert mail.reason == "TestsLimited"
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message == OF_OPERATOR
    await world.passes(26)

    assert mail.ready == "True"
    await world.stop()
    assert world.complaints() == []


async def test_what_waits_does_not_take_the_places_of_its_mail_server(world: World) -> None:
    await world.start()
    slow(world, 100)
    for number in range(100):
        world.smtp_config(f"more-{number}").create()
    await world.passes(5)
    other = world.smtp_config("corporate-mail", "team-b").create()
    await world.passes(1)

    assert other.ready == "True"


async def test_a_short_wait_is_not_worth_a_status(world: World) -> None:
    await world.start()
    slow(world, 150, seconds=0.5)
    await world.passes(10)

    assert len(world.writes) == 150


async def test_what_waits_writes_its_status_once(world: World) -> None:
    await world.start()
    slow(world, 150)
    await world.passes(4 * MINUTE)

    assert {len(world.smtp_config(f"slow-{n}").writes) for n in range(150)} == {1}


async def test_deleted_objects_give_their_places_back(world: World) -> None:
    await world.start()
    slow(world, 150)
    await world.passes(5)
    for number in range(150):
        world.smtp_config(f"slow-{number}").delete()
    late = world.smtp_config("late").create()
    await world.passes(1)

    assert late.ready == "True"


async def test_a_held_recheck_leaves_the_verdict_as_it_is(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m", "mode": "Login"})
    slow(world, 100)
    world.forget()
    await world.passes(4 * MINUTE)
    assert mail.runs == []
    assert mail.writes == []
    assert mail.ready == "True"
    await world.passes(2 * MINUTE)
    assert len(mail.runs) >= 1


async def test_a_held_request_keeps_the_verdict_and_is_answered_in_the_end(world: World) -> None:
    mail = await world.ready()
    slow(world, 100)
    await world.passes(MINUTE)
    mail.request_test("now")
    await world.passes(5)
    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert mail.conditions["Reconciling"] == ("True", "TestsLimited")
    await world.passes(5 * MINUTE)
    assert mail.status.last_handled_test_request == "now"


async def test_a_limit_of_0_is_none() -> None:
    world = World(ReconcilePolicy(max_tests=0, max_tests_per_namespace=0))
    await world.start()
    slow(world, 500)
    await world.passes(1)

    assert len(world.engine.under_way) == 500
    await world.stop()
    assert world.complaints() == []
