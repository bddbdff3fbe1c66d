# SPDX-License-Identifier: Apache-2.0
"""A few tests of one mail server at a time; one that never answers delays its own objects alone."""

from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, passes

TARPIT = "tarpit.example.com"


async def test_a_hundred_objects_at_a_tarpit_do_not_delay_a_healthy_one(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    for number in range(100):
        world.smtp_config(f"stuck-{number}").create(server=TARPIT)
    await world.passes(10)
    healthy = world.smtp_config("healthy").create()
    await world.passes(0.5)
    assert healthy.ready == "True"
    assert world.engine.most_at_once[TARPIT] == 5


async def test_they_all_have_their_turn(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    stuck = [world.smtp_config(f"stuck-{number}").create(server=TARPIT) for number in range(12)]
    await world.passes(3 * 46)
    assert {mail.ready for mail in stuck} == {"True"}


@pytest.mark.parametrize("number", [1, 3])
async def test_their_number_is_that_of_connections_per_destination(number: int) -> None:
    world = World(replace(ReconcilePolicy(), connections_per_destination=number))
    world.engine.always(passes(seconds=10))
    await world.start()
    for index in range(10):
        world.smtp_config(f"mail-{index}").create()
    await world.passes(200)
    assert world.engine.most_at_once["smtp.example.com"] == number
    await world.stop()


async def test_a_mail_server_is_free_for_the_next_while_a_status_is_written(world: World) -> None:
    world.engine.always(passes(seconds=10))
    world.cluster.latency = 1
    await world.start()
    mails = [world.smtp_config(f"mail-{index}").create() for index in range(10)]
    await world.passes(10.5)
    assert [len(mail.runs) for mail in mails] == [1] * 10
    assert world.engine.most_at_once["smtp.example.com"] == 5


async def test_another_port_is_another_lane(world: World) -> None:
    world.engine.always(passes(seconds=45))
    await world.start()
    for number in range(10):
        world.smtp_config(f"stuck-{number}").create()
    mail = world.smtp_config("healthy").create(port=25)
    await world.passes(2)
    assert len(mail.runs) == 1


async def test_the_case_of_the_server_is_of_no_matter(world: World) -> None:
    world.engine.always(passes(seconds=45))
    world.engine.always(passes(seconds=45), server="SMTP.example.com")
    await world.start()
    for number in range(5):
        world.smtp_config(f"stuck-{number}").create()
    mail = world.smtp_config("sixth").create(server="SMTP.example.com")
    await world.passes(2)
    assert mail.runs == []


async def test_an_object_that_leaves_the_tarpit_is_tested_at_once(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    stuck = [world.smtp_config(f"stuck-{number}").create(server=TARPIT) for number in range(20)]
    await world.passes(5)
    stuck[-1].edit(server="smtp.example.com")
    await world.passes(0.5)
    assert stuck[-1].ready == "True"


async def test_an_object_at_the_tarpit_can_be_suspended_at_once(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    stuck = [world.smtp_config(f"stuck-{number}").create(server=TARPIT) for number in range(20)]
    await world.passes(5)
    stuck[-1].edit(suspend=True)
    await world.passes(0.5)
    assert stuck[-1].reason == "Suspended"


async def test_an_object_at_the_tarpit_can_be_deleted_at_once(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    stuck = [world.smtp_config(f"stuck-{number}").create(server=TARPIT) for number in range(8)]
    await world.passes(5)
    for mail in stuck[:5]:
        mail.delete()
    await world.passes(0.5)
    assert {run.name for run in world.runs[5:]} == {str(mail.key) for mail in stuck[5:]}


async def test_a_restart_amid_the_tarpit_leaves_no_test_behind(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    for number in range(20):
        world.smtp_config(f"stuck-{number}").create(server=TARPIT)
    await world.passes(5)
    await world.stop()
    assert world.engine.under_way == []
    await world.passes(100)
    assert len(world.runs) == 5


async def test_a_namespace_with_a_hundred_objects_delays_another_by_one_test(world: World) -> None:
    world.engine.always(passes(seconds=45), server=TARPIT)
    await world.start()
    for number in range(100):
        world.smtp_config(f"stuck-{number}").create(server=TARPIT)
    await world.passes(10)
    other = world.smtp_config("other", "team-b").create(server=TARPIT)
    await world.passes(36)
    assert len(other.runs) == 1
    assert world.engine.most_at_once[TARPIT] == 5


async def test_a_namespace_whose_passwords_are_read_slowly_delays_no_other(world: World) -> None:
    world.vaults.latency = 30
    vault = world.vault().create()
    await world.start()
    await world.passes(40)
    for number in range(50):
        slow = world.smtp_config(f"slow-{number}")
        slow.create(username="mailer@example.com", password=vault.password())
    await world.passes(1)
    other = world.smtp_config("other", "team-b").create()
    await world.passes(0.5)
    assert other.ready == "True"


@pytest.mark.parametrize("source", ["password", "token"])
async def test_the_password_or_token_is_read_before_a_place_at_the_mail_server_is_taken(
    world: World, source: str
) -> None:
    world.vaults.latency = world.tokens.latency = 30
    vault = world.vault().create()
    world.put_secret("mail-app", data={"client-secret": "s3cret"})
    login: dict[str, Any] = {"password": vault.password()}
    if source == "token":
        login = {
            "authMechanism": "XOAUTH2",
            "oauth2": {
                "tokenUrl": "https://login.example.com/token",
                "clientId": "app",
                "clientSecretRef": {"name": "mail-app", "key": "client-secret"},
            },
        }
    await world.start()
    await world.passes(40)  # the vault object is tested
    for number in range(10):
        world.smtp_config(f"reads-{number}").create(username="mailer@example.com", **login)
    await world.passes(20)
    assert world.engine.under_way == []  # all wait for the vault or the identity provider
    other = world.smtp_config("other", "team-b").create()
    await world.passes(0.5)
    assert other.ready == "True"
    await world.passes(60)
    assert {world.smtp_config(f"reads-{number}").ready for number in range(10)} == {"True"}


async def test_ten_namespaces_take_turns_at_one_mail_server(world: World) -> None:
    world.engine.always(passes(seconds=1))
    await world.start()
    for number in range(100):
        world.smtp_config(f"mail-{number % 10}", f"team-{number // 10}").create()
    await world.passes(7)
    assert world.engine.most_at_once["smtp.example.com"] == 5
    assert len({run.name.partition("/")[0] for run in world.runs}) == 10
