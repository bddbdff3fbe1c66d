# SPDX-License-Identifier: Apache-2.0
"""Rule 3: what may still arrive (Secret, key, ConfigMap, a name not in DNS) is Ready=False with its reason
and Reconciling=True, reason WaitingForDependency for the first 5 minutes of a generation, Stalled after; its
arrival is tested at once at any time.
"""

from collections.abc import Callable

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import SmtpConfig, World, fails

MINUTE = 60
DAY = 86400
CA = {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}

Arrival = Callable[[World], object]


def arrive_password(world: World) -> None:
    world.put_secret(password="s3cret-1")


def arrive_ca(world: World) -> None:
    world.put_config_map(data=CA)


def missing_secret(world: World) -> SmtpConfig:
    return world.smtp_config().create_with_login()


def missing_key(world: World) -> SmtpConfig:
    world.put_secret(other="s3cret-1")
    return world.smtp_config().create_with_login()


def empty_value(world: World) -> SmtpConfig:
    world.put_secret(password="")
    return world.smtp_config().create_with_login()


def missing_ca(world: World) -> SmtpConfig:
    return world.smtp_config().create(tls={"caRef": {"name": "corp-ca"}})


def missing_ca_key(world: World) -> SmtpConfig:
    world.put_config_map(data={"other": "x"})
    return world.smtp_config().create(tls={"caRef": {"name": "corp-ca"}})


def missing_user_name(world: World) -> SmtpConfig:
    world.put_secret(password="s3cret-1")
    return world.smtp_config().create_with_login(username=None, usernameRef={"name": "smtp-user"})


def arrive_user_name(world: World) -> None:
    world.put_secret("smtp-user", username="mailer")


WAITING = [
    pytest.param(missing_secret, "SecretNotFound", arrive_password, id="Secret"),
    pytest.param(missing_key, "SecretKeyNotFound", arrive_password, id="key"),
    pytest.param(empty_value, "SecretValueEmpty", arrive_password, id="value"),
    pytest.param(missing_ca, "ConfigMapNotFound", arrive_ca, id="ConfigMap"),
    pytest.param(missing_ca_key, "ConfigMapKeyNotFound", arrive_ca, id="key of a ConfigMap"),
    pytest.param(missing_user_name, "SecretNotFound", arrive_user_name, id="Secret of usernameRef"),
]


@pytest.mark.parametrize(("create", "reason", "arrive"), WAITING)
async def test_it_is_waited_for(
    world: World, create: Callable[[World], SmtpConfig], reason: str, arrive: Arrival
) -> None:
    await world.start()
    mail = create(world)
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", reason)
    assert mail.conditions["Failed"] == ("True", reason)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    assert "Stalled" not in mail.conditions
    assert world.runs == []


@pytest.mark.parametrize(("create", "reason", "arrive"), WAITING)
async def test_after_five_minutes_it_is_stalled(
    world: World, create: Callable[[World], SmtpConfig], reason: str, arrive: Arrival
) -> None:
    await world.start()
    mail = create(world)
    await world.passes(5 * MINUTE - 1)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(2)
    assert mail.conditions["Stalled"] == ("True", reason)
    assert "Reconciling" not in mail.conditions
    assert world.runs == []


@pytest.mark.parametrize("waited", [3, 4 * MINUTE, 6 * MINUTE, 3 * DAY])
@pytest.mark.parametrize(("create", "reason", "arrive"), WAITING)
async def test_its_arrival_is_tested_at_once_at_any_time(
    world: World, create: Callable[[World], SmtpConfig], reason: str, arrive: Arrival, waited: float
) -> None:
    await world.start()
    mail = create(world)
    await world.passes(waited)
    arrive(world)
    await world.passes(0.5)
    assert mail.ready == "True"
    assert set(mail.conditions) <= {"Ready", "PasswordResolved"}
    assert len(world.mails) == 1


async def test_it_is_not_polled(world: World) -> None:
    await world.start()
    missing_secret(world)
    await world.passes(50 * MINUTE)
    assert [call for call, _ in world.cluster.calls].count("get_object") == 1


async def test_it_is_looked_for_once_an_hour_should_a_watch_have_missed_it(world: World) -> None:
    await world.start()
    mail = missing_secret(world)
    await world.passes(70 * MINUTE)
    assert [call for call, _ in world.cluster.calls].count("get_object") == 2
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")


async def test_a_name_not_in_dns_is_looked_up_again_soon(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.HOST_NOT_FOUND))
    mail = world.smtp_config().create()
    await world.passes(1)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(5 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "HostNotFound")
    assert len(world.runs) >= 4


async def test_a_name_that_appears_in_dns_is_found_within_minutes(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.HOST_NOT_FOUND))
    mail = world.smtp_config().create()
    await world.passes(DAY)
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(11 * MINUTE)
    assert mail.reason == "ConnectTimeout"


async def test_each_generation_has_its_own_five_minutes(world: World) -> None:
    await world.start()
    mail = missing_secret(world)
    await world.passes(4 * MINUTE)
    mail.edit(password={"secretRef": {"name": "another"}})
    await world.passes(4 * MINUTE)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(1.1 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")


async def test_what_is_deleted_after_five_minutes_stalls_at_once(world: World) -> None:
    mail = await world.ready()
    await world.passes(10 * MINUTE)
    world.delete_secret()
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", "SecretNotFound")
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")


async def test_what_comes_back_is_tested_at_once(world: World) -> None:
    mail = await world.ready()
    await world.passes(10 * MINUTE)
    world.delete_secret()
    await world.passes(10 * MINUTE)
    arrive_password(world)
    await world.passes(1)
    assert (mail.ready, mail.trigger) == ("True", "PasswordChanged")


async def test_waiting_goes_on_over_a_restart(world: World) -> None:
    await world.start()
    mail = missing_secret(world)
    await world.passes(3 * MINUTE)
    await world.restart()
    await world.passes(1.9 * MINUTE)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(0.2 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")


async def test_waiting_of_a_later_generation_goes_on_over_a_restart(world: World) -> None:
    mail = await world.ready()
    await world.passes(20 * MINUTE)
    mail.edit(password={"secretRef": {"name": "another"}})
    await world.passes(3 * MINUTE)
    await world.restart()
    await world.passes(1.9 * MINUTE)
    assert mail.conditions["Reconciling"] == ("True", "WaitingForDependency")
    await world.passes(0.2 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")


async def test_what_was_stalled_stays_so_over_a_restart(world: World) -> None:
    mail = await world.ready()
    mail.edit(password={"secretRef": {"name": "another"}})
    await world.passes(20 * MINUTE)
    await world.restart(after=2 * 3600)
    await world.passes(30 * MINUTE)
    assert mail.conditions["Stalled"] == ("True", "SecretNotFound")
    stalled = [write.at for write in mail.writes if "Stalled" in str(write.status["conditions"])]
    waiting = [write.at for write in mail.writes if "WaitingFor" in str(write.status["conditions"])]
    assert max(waiting) < min(stalled)


async def test_what_arrives_while_no_operator_runs_is_tested_at_the_start(world: World) -> None:
    await world.start()
    mail = missing_secret(world)
    await world.passes(20 * MINUTE)
    await world.stop()
    arrive_password(world)
    await world.start()
    await world.passes(1)
    assert mail.ready == "True"


async def test_the_reason_stays_with_the_message_in_every_condition(world: World) -> None:
    await world.start()
    mail = missing_secret(world)
    await world.passes(1)
    message = (
        "Secret team-a/smtp-password does not exist (named by spec.password.secretRef). Create it; the"
        " test then starts automatically."
    )
    assert {it.message for it in mail.status.conditions} == {message}
    await world.passes(6 * MINUTE)
    assert {it.message for it in mail.status.conditions} == {message}
