# SPDX-License-Identifier: Apache-2.0
"""No mailbox is flooded: a namespace's emails are limited, in all and to one mailbox; the rest waits."""

from collections import Counter

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.limits.emails import mailbox
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, fails

MINUTE = 60
HOUR = 3600

OF_NAMESPACE = (
    "This test waits: it sends 30 emails, and namespace team-a may send at most 120 emails a minute"
    " (--max-emails-per-namespace). No action needed; the operator starts it automatically, and"
    " status.nextTestTime says when."
)
OF_MAILBOX = (
    "This test waits: it sends 2 emails, and namespace team-a may send one mailbox at most 3 emails an hour"
    " (--max-emails-per-mailbox). No action needed; the operator starts it automatically, and"
    " status.nextTestTime says when."
)


def plus_addresses(prefix: str, count: int = 30) -> dict[str, list[str]]:
    addresses = [f"victim+{prefix}{number}@example.com" for number in range(count)]
    return {"to": addresses[:10], "cc": addresses[10:20], "bcc": addresses[20:]}


def emails(world: World) -> list[float]:
    return [mail.at for mail in world.mails for _ in mail.to]


def most_within(times: list[float], seconds: float) -> int:
    return max(len([it for it in times if start <= it < start + seconds]) for start in times)


async def flood(world: World, objects: int = 20, **spec: object) -> None:
    for number in range(objects):
        mail = world.smtp_config(f"flood-{number}").create(recipients=plus_addresses(f"{number}-"), **spec)
        mail.request_test(str(number))
    await world.passes(1)


async def test_20_objects_do_not_flood_the_plus_addresses_of_one_mailbox(world: World) -> None:
    await world.start()
    await flood(world)
    for request in range(60):
        for number in range(20):
            world.smtp_config(f"flood-{number}").request_test(f"{request}-{number}")
        await world.passes(10)
    await world.passes(HOUR)

    assert most_within(emails(world), MINUTE) <= 120
    assert most_within(emails(world), HOUR) <= 600


async def test_what_waits_says_so_is_reconciling_and_is_sent_in_the_end(world: World) -> None:
    await world.start()
    await flood(world)
    waiting = [mail for n in range(20) if (mail := world.smtp_config(f"flood-{n}")).ready != "True"]

    assert len(waiting) == 16
    for mail in waiting:
        assert mail.conditions == {
            "Ready": ("Unknown", "EmailsLimited"),
            "Reconciling": ("True", "EmailsLimited"),
        }
        assert mail.status.summary == "EmailsLimited: waits, 120 emails a minute allowed"
        reconciling = mail.condition("Reconciling")
        assert reconciling is not None
        assert reconciling.message == OF_NAMESPACE
        assert mail.next_test_in is not None
        assert mail.next_test_in > 0
        assert not mail.judged
    await world.passes(8 * MINUTE)

    assert {world.smtp_config(f"flood-{n}").ready for n in range(20)} == {"True"}
    assert Counter(len(mail.to) for mail in world.mails) == {30: 20}
    assert most_within(emails(world), MINUTE) <= 120


async def test_what_waits_is_no_storm_of_retries(world: World) -> None:
    await world.start()
    for number in range(1000):
        world.smtp_config(f"flood-{number}").create(recipients=plus_addresses(f"{number}-", 10))
    await world.passes(10)
    world.forget()
    await world.passes(10 * MINUTE)

    assert len(world.writes) <= 2 * 12 * 10 + 200
    assert [call for call, _ in world.cluster.calls].count("get_smtp_config") <= 2 * 12 * 10 + 200


async def test_another_namespace_is_not_held(world: World) -> None:
    await world.start()
    await flood(world)
    other = world.smtp_config("corporate-mail", "team-b").create()
    await world.passes(1)

    assert other.ready == "True"


@pytest.mark.parametrize(
    "address",
    ["victim@example.com", "VICTIM+x@EXAMPLE.COM", "victim+y+z@example.com", "Victim@Example.com"],
)
async def test_a_mailbox_is_the_same_in_every_spelling(address: str) -> None:
    world = World(ReconcilePolicy(emails_per_mailbox=3))
    await world.start()
    world.smtp_config("first").create(recipients={"to": ["victim@example.com"]})
    world.smtp_config("second").create(recipients={"to": [address]})
    world.smtp_config("third").create(recipients={"to": ["ops@example.com"], "cc": [address]})
    await world.passes(1)
    fourth = world.smtp_config("fourth").create(recipients={"to": [address], "cc": ["victim+2@example.com"]})
    await world.passes(1)

    assert fourth.conditions["Reconciling"] == ("True", "EmailsLimited")
    reconciling = fourth.condition("Reconciling")
    assert reconciling is not None
    assert reconciling.message == OF_MAILBOX
    await world.passes(HOUR)
    assert fourth.ready == "True"
    await world.stop()
    assert world.complaints() == []


def test_mailboxes_by_their_addresses() -> None:
    same = ["a.b+x@example.com", "A.B@example.com", "a.b@EXAMPLE.com", "a.b+@example.com"]
    assert set(map(mailbox, same)) == {"a.b@example.com"}
    assert mailbox("first.last+x@gmail.com") == mailbox("firstlast@googlemail.com")
    assert mailbox("x+y@bücher.example") == "x@xn--bcher-kva.example"
    assert mailbox("+x@example.com") == "+x@example.com"


async def test_rcpt_of_mode_envelope_counts_too(world: World) -> None:
    await world.start()
    await flood(world, test={"mode": "Envelope"})

    assert len(world.runs) == 4


async def test_tests_that_name_no_recipient_do_not_count(world: World) -> None:
    await world.start()
    await flood(world, test={"mode": "Login"})

    assert {world.smtp_config(f"flood-{n}").ready for n in range(20)} == {"True"}


async def test_notifications_count_too() -> None:
    world = World(ReconcilePolicy(emails_per_namespace=2))
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(
        test={"mode": "Login"},
        recipients={"to": [f"ops-{number}@example.com" for number in range(2)]},
    )
    world.smtp_config("first").create()
    await world.passes(1)
    assert len(world.mails) == 1
    world.put_secret(password="s3cret-2")
    await world.passes(2)
    assert len(world.mails) == 1
    await world.passes(2 * MINUTE)
    assert len(world.mails) == 2
    assert mail.ready == "True"
    await world.stop()
    assert world.complaints() == []


async def test_what_never_named_a_recipient_to_the_server_does_not_count(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    await flood(world)
    await world.passes(MINUTE)

    assert len({run.name for run in world.runs}) == 20


async def test_a_held_recheck_leaves_the_verdict_as_it_is(world: World) -> None:
    mail = await world.ready(recheck={"interval": "15m", "mode": "SendEmail"})
    before = mail.status
    await world.passes(mail.next_test_in - 5 if mail.next_test_in else 0)
    await flood(world)
    world.forget()
    await world.passes(5)

    assert mail.runs == []
    assert mail.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "PasswordResolved": ("True", "PasswordRead"),
    }
    assert mail.status.summary == before.summary
    assert mail.next_test_in is not None
    assert mail.next_test_in > 0
    await world.passes(10 * MINUTE)
    assert len(mail.runs) == 1
    assert mail.ready == "True"


async def test_a_held_request_keeps_the_verdict_and_is_not_dropped(world: World) -> None:
    mail = await world.ready()
    await world.passes(MINUTE)
    await flood(world)
    mail.request_test("now")
    await world.passes(1)

    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert mail.conditions["Reconciling"] == ("True", "EmailsLimited")
    assert mail.status.summary == "EmailsLimited: waits, 120 emails a minute allowed"
    await world.passes(10 * MINUTE)
    assert mail.status.last_handled_test_request == "now"
    assert mail.conditions["Ready"] == ("True", "TestEmailSent")
    assert mail.status.summary == "TestEmailSent"


async def test_a_held_request_that_is_withdrawn_leaves_nothing_behind(world: World) -> None:
    mail = await world.ready()
    await world.passes(MINUTE)
    before = mail.status.summary
    await flood(world)
    mail.request_test("now")
    await world.passes(1)
    mail.withdraw_request()
    await world.passes(10 * MINUTE)

    assert "Reconciling" not in mail.conditions
    assert mail.status.summary == before


async def test_a_limit_of_0_is_none() -> None:
    world = World(ReconcilePolicy(emails_per_namespace=0, emails_per_mailbox=0))
    await world.start()
    await flood(world)

    assert len(world.mails) == 20
    await world.stop()
    assert world.complaints() == []


async def test_more_recipients_than_the_limit_allows_are_named_and_never_sent() -> None:
    world = World(ReconcilePolicy(emails_per_namespace=5))
    await world.start()
    mail = world.smtp_config().create(recipients=plus_addresses("x"))
    other = world.smtp_config("other").create()
    await world.passes(HOUR)

    assert other.ready == "True"
    assert len(world.mails) == 1
    reconciling = mail.condition("Reconciling")
    assert reconciling is not None
    assert reconciling.message == (
        "This test waits: it sends 30 emails, and namespace team-a may send at most 5 emails a minute"
        " (--max-emails-per-namespace). It never starts. List at most 5 recipients, or ask a cluster admin"
        " to raise the flag."
    )
    await world.stop()
    assert world.complaints() == []


async def test_deleted_objects_do_not_keep_others_waiting(world: World) -> None:
    await world.start()
    await flood(world)
    for number in range(20):
        world.smtp_config(f"flood-{number}").delete()
    late = world.smtp_config("late").create(recipients=plus_addresses("late"))
    await world.passes(2 * MINUTE)

    assert late.ready == "True"
