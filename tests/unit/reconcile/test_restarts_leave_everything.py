# SPDX-License-Identifier: Apache-2.0
"""A restart sends no mail and writes no status where status.tested still matches."""

import json
from collections import Counter

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

HOUR = 3600
MANY = 300


async def test_with_verdicts_in_place_it_sends_no_mail_and_writes_no_status(world: World) -> None:
    world.put_secret(password="s3cret-1")
    await world.start()
    for number in range(MANY):
        world.smtp_config(f"mail-{number}").create_with_login()
    await world.passes(300)
    world.forget()
    await world.restart()
    await world.passes(300)
    assert world.runs == []
    assert world.writes == []
    assert world.cluster.notices == []


async def test_it_asks_the_api_server_for_nothing(world: World) -> None:
    world.put_secret(password="s3cret-1")
    await world.start()
    for number in range(100):
        world.smtp_config(f"mail-{number}").create_with_login()
    await world.passes(60)
    await world.restart()
    world.forget()
    await world.passes(30)
    assert world.cluster.calls == []


@pytest.mark.parametrize(
    "reason", [Reason.AUTHENTICATION_FAILED, Reason.RELAY_DENIED, Reason.GREYLISTED, Reason.TOO_MANY_LOGINS]
)
async def test_a_failed_verdict_stays_as_it_is(world: World, reason: Reason) -> None:
    world.put_secret(password="s3cret-1")
    world.engine.always(fails(reason))
    await world.start()
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    before = mail.status
    world.forget()
    await world.restart()
    await world.passes(30)
    assert mail.status == before
    assert world.runs == []
    assert world.writes == []


async def test_a_suspended_object_stays_as_it_is(world: World) -> None:
    await world.start()
    world.smtp_config().create(suspend=True)
    await world.passes(60)
    world.forget()
    await world.restart()
    await world.passes(60)
    assert world.runs == []
    assert world.writes == []


async def test_the_time_of_the_next_test_is_kept(world: World) -> None:
    mail = await world.ready()
    due = mail.status.next_test_time
    await world.restart(after=600)
    await world.passes(600)
    assert mail.status.next_test_time == due
    await world.passes(HOUR)
    assert mail.trigger == "Recheck"


async def test_a_changed_spec_is_tested(world: World) -> None:
    mail = await world.ready()
    await world.stop()
    mail.edit(port=465)
    await world.start()
    await world.passes(1)
    assert (mail.trigger, mail.judged) == ("SpecChanged", True)


async def test_a_lost_status_costs_one_test(world: World) -> None:
    """A restore, or a move to another cluster, brings the spec alone."""
    mail = await world.ready()
    await world.stop()
    world.storage.put_status(mail.key, {"observedGeneration": -1})
    await world.start()
    await world.passes(600)
    assert (len(mail.runs), mail.ready) == (1, "True")


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"conditions": "many"}, id="of another type"),
        pytest.param({"observedGeneration": 1, "conditions": [{"type": "Ready"}]}, id="incomplete"),
        pytest.param({"observedGeneration": 1, "tested": {"settings": "x" * 65}}, id="out of bounds"),
        pytest.param({}, id="empty"),
    ],
)
async def test_a_status_that_cannot_be_read_costs_one_test(world: World, status: dict[str, object]) -> None:
    mail = await world.ready()
    await world.stop()
    world.storage.put_status(mail.key, status)
    await world.start()
    await world.passes(600)
    assert (len(mail.runs), mail.ready) == (1, "True")


async def test_a_status_of_a_later_release_is_read(world: World) -> None:
    mail = await world.ready()
    await world.stop()
    world.storage.put_status(mail.key, mail.object_["status"] | {"weather": "fine"})
    await world.start()
    await world.passes(600)
    assert mail.runs == []


async def test_a_reason_of_a_later_release_is_carried_over(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.RELAY_DENIED))
    mail = world.smtp_config().create()
    await world.passes(60)
    await world.stop()
    text = json.dumps(mail.object_["status"]).replace("RelayDenied", "NotYetInvented")
    world.storage.put_status(mail.key, json.loads(text))
    mail.edit(recheck={"interval": "2h"})
    await world.start()
    await world.passes(60)
    assert mail.conditions["Stalled"] == ("True", "NotYetInvented")
    world.cluster.complaints.clear()  # the lint does not know that reason either


async def test_overdue_tests_are_spread_over_ten_minutes(world: World) -> None:
    world.put_secret(password="s3cret-1")
    await world.start()
    for number in range(MANY):
        world.smtp_config(f"mail-{number}").create_with_login()
    await world.passes(300)
    await world.stop()
    await world.passes(5 * HOUR)
    world.forget()
    await world.start()
    begin = world.time()
    await world.passes(601)
    starts = sorted(run.started - begin for run in world.runs)
    assert len(starts) == MANY
    assert world.mails == []
    per_minute = Counter(int(start // 60) for start in starts)
    assert set(per_minute) == set(range(10))
    assert max(per_minute.values()) < 2 * MANY / 10


async def test_overdue_tests_of_a_short_interval_are_spread_over_that(world: World) -> None:
    world.put_secret(password="s3cret-1")
    await world.start()
    for number in range(10):
        world.smtp_config(f"mail-{number}").create_with_login(recheck={"interval": "1m"})
    await world.passes(30)
    await world.stop()
    await world.passes(HOUR)
    world.forget()
    await world.start()
    await world.passes(61)
    assert len({run.name for run in world.runs}) == 10


async def test_the_spread_counts_from_the_start_of_work(world: World) -> None:
    """A standby that waits for its turn for hours does not come with everything at once."""
    mail = await world.ready()
    await world.stop()
    await world.passes(5 * HOUR)
    await world.start()
    await world.passes(0.5)
    assert mail.runs == []
    await world.passes(601)
    assert len(mail.runs) == 1


async def test_a_test_that_was_under_way_is_made_again(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=30))
    mail = world.smtp_config().create()
    await world.passes(10)
    assert mail.conditions["Ready"] == ("Unknown", "Testing")
    await world.restart()
    await world.passes(5)
    assert (mail.ready, mail.trigger) == ("True", "SpecChanged")


async def test_two_starts_in_a_row_are_as_one(world: World) -> None:
    mail = await world.ready()
    for _ in range(5):
        await world.restart()
        await world.passes(0.001)
    await world.passes(600)
    assert mail.runs == []
    assert mail.writes == []
