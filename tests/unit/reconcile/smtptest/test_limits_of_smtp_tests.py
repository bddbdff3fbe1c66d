# SPDX-License-Identifier: Apache-2.0
"""SmtpTests wait for the limits of their namespace, and at most 1,000 of them."""

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, fails, passes
from smtp_testkit.simulation.smtp_tests import SETTINGS, SmtpTest
from smtp_testkit.simulation.world import LOGIN


async def test_ten_start_within_a_minute_and_the_others_wait_in_order() -> None:
    world = World()
    await world.start()
    tests = [SmtpTest(world, f"try-{number:02}").create(mode="Connect") for number in range(25)]
    await world.passes(30)
    assert [it.reason for it in tests].count("Connected") == 10
    waiting = next(it for it in tests if it.reason != "Connected")
    assert waiting.conditions == {
        "Ready": ("Unknown", "TestsLimited"),
        "Reconciling": ("True", "TestsLimited"),
    }
    assert waiting.status.summary == "TestsLimited: waits, 10 a minute allowed"
    assert waiting.status.next_test_time is not None
    assert waiting.message == (
        "This test waits: namespace team-a may start at most 10 SmtpTests a minute"
        " (--max-smtptests-per-namespace). No action needed; the operator starts it automatically, and"
        " status.nextTestTime says when."
    )
    await world.passes(60)
    assert [it.reason for it in tests].count("Connected") == 20
    await world.passes(60)
    assert [it.reason for it in tests].count("Connected") == 25
    await world.stop()
    assert world.complaints() == []


async def test_other_namespaces_do_not_wait() -> None:
    world = World()
    await world.start()
    for number in range(25):
        SmtpTest(world, f"try-{number}").create(mode="Connect")
    other = SmtpTest(world, namespace="team-b").create(mode="Connect")
    await world.passes(5)
    assert other.reason == "Connected"
    await world.stop()


async def test_zero_means_no_limit() -> None:
    world = World(ReconcilePolicy(smtp_tests_per_namespace=0))
    await world.start()
    tests = [SmtpTest(world, f"try-{number}").create(mode="Connect") for number in range(25)]
    await world.passes(30)
    assert {it.reason for it in tests} == {"Connected"}
    await world.stop()


async def test_emails_of_smtp_tests_count() -> None:
    world = World(ReconcilePolicy(emails_per_namespace=2))
    await world.start()
    tests = [SmtpTest(world, f"try-{number}").create() for number in range(3)]
    await world.passes(10)
    assert sorted(it.reason or "" for it in tests) == ["EmailsLimited", "TestEmailSent", "TestEmailSent"]
    await world.passes(120)
    assert {it.reason for it in tests} == {"TestEmailSent"}
    await world.stop()
    assert world.complaints() == []


async def test_running_smtp_tests_are_limited() -> None:
    world = World(ReconcilePolicy(max_tests_per_namespace=1))
    world.engine.always(passes(seconds=20))
    await world.start()
    tests = [SmtpTest(world, f"try-{number}").create() for number in range(2)]
    await world.passes(10)
    assert sorted(it.reason or "" for it in tests) == ["Testing", "TestsLimited"]
    await world.passes(60)
    assert {it.reason for it in tests} == {"TestEmailSent"}
    await world.stop()
    assert world.complaints() == []


async def test_rejected_logins_count_and_are_waited_for() -> None:
    world = World(ReconcilePolicy(rejected_logins=1))
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="wrong")
    await world.start()
    first = SmtpTest(world, "first").create(settings={**SETTINGS, **LOGIN})
    await world.passes(5)
    second = SmtpTest(world, "second").create(settings={**SETTINGS, **LOGIN})
    await world.passes(5)
    assert (first.reason, second.reason) == ("AuthenticationFailed", "LoginAttemptsLimited")
    assert second.conditions["Reconciling"] == ("True", "LoginAttemptsLimited")
    assert len(world.logins) == 1
    await world.passes(2 * 3600)
    assert second.reason == "TestEmailSent"
    await world.stop()
    assert world.complaints() == []


async def test_past_1000_waiting_a_smtp_test_fails_at_once() -> None:
    world = World()
    await world.start()
    tests = [SmtpTest(world, f"try-{number:04}").create(mode="Connect") for number in range(1050)]
    await world.passes(30)
    refused = [it for it in tests if it.reason == "TooManyTests"]
    assert 30 <= len(refused) <= 50
    assert refused[0].message == (
        "Not tested: 1,000 SmtpTests of namespace team-a are already waiting. Delete those that are not"
        " needed, then create another SmtpTest."
    )
    other = SmtpTest(world, namespace="team-b").create(mode="Connect")
    await world.passes(5)
    assert other.reason == "Connected"
    await world.passes(3 * 3600)
    assert {it.reason for it in tests} == {"TooManyTests", "Connected"}
    await world.stop()
    assert world.complaints() == []
