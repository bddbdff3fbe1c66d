# SPDX-License-Identifier: Apache-2.0
"""Rule 5: a suspended object keeps the verdict of its present settings, with observedGeneration up to date;
without one Ready=Unknown, Suspended.
"""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

HOUR = 3600
DAY = 24 * HOUR


async def test_a_verdict_stays_with_observed_generation_up_to_date(world: World) -> None:
    mail = await world.ready()
    proven = mail.conditions
    mail.edit(suspend=True)
    await world.passes(1)
    assert mail.conditions == proven
    assert mail.status.observed_generation == mail.generation == 2
    assert {it.observed_generation for it in mail.status.conditions} == {2}
    assert mail.runs == []


async def test_a_failed_verdict_stays_too_and_waits_for_a_change(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.edit(suspend=True)
    await world.passes(DAY)
    assert mail.conditions == {
        "Ready": ("False", "ConnectTimeout"),
        "Failed": ("True", "ConnectTimeout"),
        "Stalled": ("True", "ConnectTimeout"),
    }
    assert len(mail.runs) == 1


async def test_without_a_verdict_ready_is_unknown(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create(suspend=True)
    await world.passes(1)
    assert mail.conditions == {"Ready": ("Unknown", "Suspended")}
    assert mail.status.conditions[0].message == (
        "Not tested: spec.suspend is true. Set suspend: false to have these settings tested."
    )
    assert mail.status.summary == "Suspended"
    assert mail.status.observed_generation == 1
    assert mail.runs == []


async def test_changed_settings_of_a_suspended_object_have_no_verdict(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True, port=465)
    await world.passes(1)
    assert mail.conditions == {"Ready": ("Unknown", "Suspended")}
    assert mail.judged
    assert mail.runs == []


async def test_a_suspended_object_is_not_rechecked(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(3 * DAY)
    assert mail.runs == []


async def test_a_suspended_object_does_not_follow_its_secret(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    assert mail.runs == []
    assert mail.ready == "True"


async def test_resuming_carries_a_young_verdict_over(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    mail.edit(suspend=False)
    await world.passes(60)
    assert mail.runs == []
    assert (mail.ready, mail.judged) == ("True", True)


async def test_resuming_rechecks_an_old_verdict(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(DAY)
    mail.edit(suspend=False)
    await world.passes(1)
    assert (mail.trigger, mail.mode) == ("Recheck", "Login")
    assert world.mails == []


async def test_resuming_tests_what_has_no_verdict(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create(suspend=True)
    await world.passes(60)
    mail.edit(suspend=False)
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("SpecChanged", "True")


async def test_resuming_tests_a_secret_that_changed_meanwhile(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    await world.passes(60)
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    mail.edit(suspend=False)
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("PasswordChanged", "True")
    assert [password for _, password in world.logins] == ["s3cret-2"]


async def test_resuming_goes_on_with_the_retries(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.edit(suspend=True)
    await world.passes(5)
    mail.edit(suspend=False)
    await world.passes(1)
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    await world.passes(60)
    assert (mail.trigger, mail.ready) == ("Retry", "True")


async def test_suspending_amid_a_test_drops_its_result(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=20))
    mail = world.smtp_config().create()
    await world.passes(5)
    mail.edit(suspend=True)
    await world.passes(60)
    assert mail.conditions == {"Ready": ("Unknown", "Suspended")}
    assert mail.judged


async def test_a_requested_test_runs_although_suspended(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create(suspend=True)
    await world.passes(1)
    mail.request_test("now")
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("Requested", "True")
    assert mail.status.last_handled_test_request == "now"


async def test_a_requested_test_that_fails_is_not_retried_while_suspended(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    mail = world.smtp_config().create(suspend=True)
    await world.passes(1)
    mail.request_test("now")
    await world.passes(DAY)
    assert len(mail.runs) == 1
    assert mail.conditions["Stalled"] == ("True", "ConnectTimeout")


@pytest.mark.parametrize("before", [False, True])
async def test_suspending_costs_one_status_write(world: World, before: bool) -> None:
    mail = await world.ready(suspend=False)
    if before:
        mail.edit(suspend=True)
        await world.passes(1)
        world.forget()
    mail.edit(suspend=not before)
    await world.passes(60)
    assert len(mail.writes) == 1
