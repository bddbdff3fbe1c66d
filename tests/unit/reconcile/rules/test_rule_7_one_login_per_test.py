# SPDX-License-Identifier: Apache-2.0
"""Rule 7: one AUTH with one mechanism per test. After AuthenticationFailed the same password is tried again
once a day (after 1 h the first time if it had passed before), and at once when spec, password or a request
changes that.
"""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

HOUR = 3600
DAY = 24 * HOUR
REASONS = [
    Reason.AUTHENTICATION_FAILED,
    Reason.AUTH_DISABLED_BY_PROVIDER,
    Reason.APP_PASSWORD_REQUIRED,
    Reason.AUTH_CONNECTION_DROPPED,
]


async def test_a_test_logs_in_once(world: World) -> None:
    await world.ready()
    world.smtp_config("second").create_with_login()
    await world.passes(1)
    assert len(world.logins) == 1


@pytest.mark.parametrize("reason", REASONS)
async def test_the_same_password_is_tried_once_a_day(world: World, reason: Reason) -> None:
    await world.start()
    world.engine.always(fails(reason))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(3 * DAY + HOUR)
    assert [round((at - world.logins[0][0]) / DAY) for at, _ in world.logins] == [0, 1, 2, 3]
    assert mail.conditions["Stalled"] == ("True", reason)


async def test_a_password_that_had_passed_is_tried_after_an_hour_the_first_time(world: World) -> None:
    mail = await world.ready()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    await world.passes(3 * DAY)
    hours = [round((at - world.logins[0][0]) / HOUR) for at, _ in world.logins]
    assert hours == [0, 1, 25, 49]
    assert mail.ready == "False"


async def test_that_hour_is_granted_after_borne_failures_too(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    while mail.ready == "True":
        await world.passes(60)
    assert mail.next_test_in is not None
    assert HOUR - 70 <= mail.next_test_in <= HOUR


async def test_a_password_that_passes_again_after_that_hour_is_ready(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    await world.passes(2.2 * HOUR)
    assert (mail.trigger, mail.mode, mail.ready) == ("Retry", "SendEmail", "True")


async def test_a_changed_password_has_no_such_hour(world: World) -> None:
    mail = await world.ready()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-2")
    await world.passes(1)
    assert mail.next_test_in is not None
    assert mail.next_test_in > DAY - 2


async def test_changed_settings_have_no_such_hour(world: World) -> None:
    mail = await world.ready()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    mail.edit(username="somebody-else")
    await world.passes(1)
    assert mail.next_test_in is not None
    assert mail.next_test_in > DAY - 2


async def test_a_restart_does_not_try_it_again(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-1")
    world.smtp_config().create_with_login()
    await world.passes(10)
    for _ in range(5):
        await world.restart(after=600)
        await world.passes(600)
    assert len(world.logins) == 1


async def test_an_interval_of_a_minute_does_not_try_it_more_often(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-1")
    world.smtp_config().create_with_login(recheck={"interval": "1m"})
    await world.passes(23 * HOUR)
    assert len(world.logins) == 1


async def test_another_password_is_tried_at_once(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="wrong")
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    world.put_secret(password="s3cret-1")
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("PasswordChanged", "True")


async def test_another_spec_is_tried_at_once(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(username="wrong")
    await world.passes(60)
    mail.edit(username="mailer")
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("SpecChanged", "True")


async def test_a_request_tries_it_at_once(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    mail.request_test()
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("Requested", "True")


async def test_an_edit_that_is_carried_over_does_not_try_it_again(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    due = mail.status.next_test_time
    mail.edit(recheck={"interval": "5m"})
    await world.passes(HOUR)
    assert len(world.logins) == 1
    assert mail.status.next_test_time == due
