# SPDX-License-Identifier: Apache-2.0
"""A delivery test across restarts, suspension, deletion and changes: one email, and no lost result."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World
from smtp_testkit.simulation.engine import Answer
from smtp_testkit.simulation.mailboxes import Arrival, unavailable

from .test_delivered import DELIVERY, PROBE, delivered, delivery, message, started

HOUR = 3600.0
LOGIN = {"mode": "Login"}


async def test_status_has_the_email_before_data(world: World) -> None:
    await started(world, test=LOGIN)
    await world.passes(1)

    assert len(world.mails) == 1
    before = [
        it.status["delivery"] for it in world.writes if it.at <= world.mails[0].at and "delivery" in it.status
    ]
    assert before[-1]["messageId"] == world.mails[0].message_id
    assert "sentTime" in before[-1]
    assert "accepted" not in before[-1]


async def test_an_operator_killed_in_data_sends_no_second_email(world: World) -> None:
    world.engine.always(Answer(seconds=5.0))
    mail = await started(world, test=LOGIN)
    await world.passes(8)
    assert len(world.mails) == 1
    assert mail.status.delivery is not None

    await world.restart(after=1)
    world.engine.always(Answer())
    await world.passes(60)

    assert len(world.mails) == 1
    assert delivered(mail) == ("True", "InInbox")


async def test_an_email_of_a_killed_operator_that_does_not_arrive_may_never_have_been_sent(
    world: World,
) -> None:
    world.mailboxes.arrival = Arrival(after=None)
    world.engine.always(Answer(seconds=5.0))
    mail = await started(world, test=LOGIN)
    await world.passes(8)
    await world.restart(after=1)
    await world.passes(700)

    assert delivered(mail) == ("Unknown", "NotSent")
    assert "The operator stopped while it sent the email" in message(mail)
    assert len(world.mails) == 1


async def test_a_restart_goes_on_looking(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=120.0)
    mail = await started(world)
    await world.passes(30)
    assert delivered(mail) == ("Unknown", "Waiting")

    await world.restart(after=60)
    await world.passes(120)

    assert delivered(mail) == ("True", "InInbox")
    assert len(world.mails) == 1


async def test_an_email_that_arrived_while_no_operator_ran_counts_with_its_own_time(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=90.0)
    mail = await started(world)
    await world.passes(30)
    await world.restart(after=2 * HOUR)
    await world.passes(60)

    assert delivered(mail) == ("True", "InInbox")
    assert mail.status.delivery is not None
    assert mail.status.delivery.latency == "1m30s"


async def test_a_restart_changes_no_result_and_writes_nothing(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    assert delivered(mail) == ("True", "InInbox")
    world.forget()
    looks = len(world.mailboxes.looks)

    await world.restart(after=5)
    await world.passes(60)

    assert (world.writes, world.mails) == ([], [])
    assert len(world.mailboxes.looks) == looks


async def test_a_result_that_cannot_be_written_is_not_lost(world: World) -> None:
    mail = await started(world)
    world.cluster.faults.down = True
    await world.passes(60)
    assert world.mailboxes.deleted == set()

    world.cluster.faults.down = False
    await world.passes(120)

    assert delivered(mail) == ("True", "InInbox")
    assert len(world.mailboxes.deleted) == 1


async def test_a_suspended_object_keeps_its_result(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    mail.edit(suspend=True)
    await world.passes(50 * HOUR)

    assert delivered(mail) == ("True", "InInbox")
    assert len(world.mails) == 1


async def test_suspended_while_it_waits(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=300.0)
    mail = await started(world)
    await world.passes(30)
    mail.edit(suspend=True)
    await world.passes(30)
    assert delivered(mail) == ("Unknown", "Suspended")
    looks = len(world.mailboxes.looks)
    await world.passes(100)
    assert len(world.mailboxes.looks) == looks
    assert world.mailboxes.running == 0

    mail.edit(suspend=None)
    await world.passes(300)

    assert delivered(mail) == ("True", "InInbox")
    assert len(world.mails) == 1


async def test_suspended_from_the_start(world: World) -> None:
    mail = await started(world, suspend=True)

    assert delivered(mail) == ("Unknown", "Suspended")
    assert world.mails == []


async def test_a_deleted_object_is_looked_for_no_more(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=None)
    mail = await started(world)
    await world.passes(10)
    mail.delete()
    await world.passes(1)
    assert world.mailboxes.running == 0
    looks = len(world.mailboxes.looks)
    await world.passes(600)
    assert len(world.mailboxes.looks) == looks


async def test_a_change_of_delivery_alone_carries_the_verdict_over(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    world.forget()

    mail.edit(delivery=delivery(within="1h"))
    await world.passes(60)

    assert world.runs == []
    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert delivered(mail) == ("True", "InInbox")


async def test_another_address_is_another_delivery_test(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    world.forget()

    mail.edit(delivery=delivery(address="other@example.org"))
    await world.passes(60)

    assert [it.to for it in world.mails] == [["other@example.org"]]
    assert len(mail.runs) == 1
    assert delivered(mail) == ("True", "InInbox")


async def test_delivery_that_is_added_later_sends_one_email_to_the_address_alone(world: World) -> None:
    world.put_secret("probe", password="mailbox-1")
    mail = await world.ready()
    mail.edit(delivery=DELIVERY)
    await world.passes(60)

    assert [it.to for it in world.mails] == [[PROBE]]
    assert len(mail.runs) == 1
    assert delivered(mail) == ("True", "InInbox")


async def test_delivery_that_is_removed_leaves_nothing(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    mail.edit(delivery=None)
    await world.passes(60)

    assert mail.condition("Delivered") is None
    assert mail.status.delivery is None


async def test_other_settings_are_tested_and_looked_for_again(world: World) -> None:
    mail = await started(world)
    await world.passes(60)
    mail.edit(heloName="mail.example.com")
    await world.passes(60)

    assert len(world.mails) == 2
    assert delivered(mail) == ("True", "InInbox")
    assert mail.status.delivery is not None
    assert mail.status.delivery.message_id == world.mails[1].message_id


async def test_while_one_email_is_on_its_way_no_other_one_is_looked_for(world: World) -> None:
    world.mailboxes.arrival = Arrival(after=400.0)
    mail = await started(world)
    await world.passes(30)
    mail.request_test()
    await world.passes(60)
    assert [it.to for it in world.mails] == [["ops@example.com", PROBE], ["ops@example.com"]]
    await world.passes(400)

    assert delivered(mail) == ("True", "InInbox")
    assert mail.status.delivery is not None
    assert mail.status.delivery.message_id == world.mails[0].message_id


async def test_a_request_tries_a_rejected_login_again(world: World) -> None:
    world.mailboxes.failure = unavailable(Reason.AUTHENTICATION_FAILED)
    mail = await started(world)
    await world.passes(60)
    world.mailboxes.failure = None
    mail.request_test()
    await world.passes(60)

    assert delivered(mail) == ("True", "InInbox")


async def test_an_edit_between_the_decision_and_data_sends_the_email_later(world: World) -> None:
    world.engine.always(Answer(seconds=5.0))
    world.engine.slow_phases = 1.0
    mail = await started(world, test=LOGIN)
    await world.passes(8)
    mail.annotate(note="changed")
    await world.passes(120)

    assert len(world.mails) == 1
    assert delivered(mail) == ("True", "InInbox")


@pytest.mark.parametrize("limit", [1])
async def test_the_limit_of_rejected_logins_holds_for_mailboxes(limit: int) -> None:
    world = World(ReconcilePolicy(rejected_logins=limit))
    world.mailboxes.failure = unavailable(Reason.AUTHENTICATION_FAILED)
    first = await started(world)
    await world.passes(60)
    second = world.smtp_config("second").create_with_login(delivery=DELIVERY)
    await world.passes(60)

    assert delivered(first) == ("Unknown", "MailboxUnavailable")
    assert delivered(second) == ("Unknown", "MailboxUnavailable")
    condition = second.condition("Delivered")
    assert condition is not None
    assert "LoginAttemptsLimited" in condition.message
    await world.stop()


async def test_flips_are_events_and_the_next_email_is_none(world: World) -> None:
    await started(world)
    await world.passes(60)
    await world.passes(27 * HOUR)
    world.mailboxes.arrival = Arrival(after=None)
    await world.passes(27 * HOUR)

    assert [it.reason for it in world.cluster.notices if it.action == "CheckDelivery"] == [
        "InInbox",
        "NotSeen",
    ]
    assert {it.type for it in world.cluster.notices if it.reason == "NotSeen"} == {"Warning"}
