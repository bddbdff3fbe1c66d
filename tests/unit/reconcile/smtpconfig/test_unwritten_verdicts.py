# SPDX-License-Identifier: Apache-2.0
"""A verdict that the API server did not take is written later; testing again instead might mail again."""

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError, RequestRefused
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

ERRORS = [
    pytest.param(ApiUnavailable("503"), 6, id="unavailable"),
    pytest.param(ApiUnavailable("429", retry_after=30), 31, id="busy"),
    pytest.param(AccessDenied("403"), 61, id="denied"),
    pytest.param(RequestRefused("422"), 601, id="refused"),
]


@pytest.mark.parametrize(("error", "within"), ERRORS)
async def test_it_is_written_later_without_another_test(
    world: World, error: ClusterError, within: float
) -> None:
    await world.start()
    world.cluster.fail_next("write_status", error)
    mail = world.smtp_config().create()
    await world.passes(1)
    assert mail.ready is None
    await world.passes(within)
    assert mail.ready == "True"
    assert len(mail.runs) == len(world.mails) == 1


@pytest.mark.parametrize(("error", "within"), ERRORS)
async def test_however_often_it_takes(world: World, error: ClusterError, within: float) -> None:
    await world.start()
    world.cluster.fail_next("write_status", *[error] * 20)
    mail = world.smtp_config().create()
    await world.passes(21 * within)
    assert mail.ready == "True"
    assert len(world.mails) == 1


async def test_its_event_is_published_then(world: World) -> None:
    await world.start()
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    world.smtp_config().create()
    await world.passes(1)
    assert world.cluster.notices == []
    await world.passes(10)
    assert [notice.reason for notice in world.cluster.notices] == ["TestEmailSent"]


async def test_its_request_is_answered_then(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail.request_test("now")
    await world.passes(10)
    assert mail.status.last_handled_test_request == "now"
    assert len(mail.runs) == 1


async def test_a_changed_spec_takes_its_place(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.RELAY_DENIED))
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.edit(port=465)
    await world.passes(10)
    assert [write.generation for write in mail.writes] == [2]
    assert mail.ready == "True"


async def test_a_secret_that_changed_meanwhile_is_tested_afterwards(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail.request_test("now")
    await world.passes(1)
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    assert mail.triggers == ["Requested", "PasswordChanged"]


async def test_an_announcement_that_is_refused_does_not_cost_the_verdict(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.RELAY_DENIED, seconds=5))
    world.cluster.fail_next("write_status", RequestRefused("500: field not declared in schema"))
    mail = world.smtp_config().create()
    await world.passes(10)
    assert len(mail.runs) == 1
    assert mail.conditions["Ready"] == ("False", "RelayDenied")


async def test_an_api_server_that_cannot_be_read_makes_no_verdict(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.cluster.fail_next("get_object", *[ApiUnavailable("503")] * 3)
    mail = world.smtp_config().create_with_login()
    await world.passes(12)
    assert mail.writes == []
    await world.passes(60)
    assert (mail.ready, len(mail.runs)) == ("True", 1)


async def test_a_carried_over_verdict_is_written_later_too(world: World) -> None:
    mail = await world.ready()
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail.edit(recheck={"interval": "2h"})
    await world.passes(10)
    assert mail.judged
    assert mail.runs == []


async def test_an_outage_of_an_hour_costs_nothing_but_the_hour(world: World) -> None:
    mail = await world.ready(recheck={"interval": "10m"})
    world.cluster.faults.down = True
    await world.passes(3600)
    assert mail.ready == "True"
    assert len(mail.runs) <= 1
    world.cluster.faults.down = False
    await world.passes(1200)
    assert (mail.ready, mail.trigger) == ("True", "Recheck")
