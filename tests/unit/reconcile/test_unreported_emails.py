# SPDX-License-Identifier: Apache-2.0
"""Few emails of a mail server have no status, so a new leader repeats few; emails do not wait otherwise."""

from collections import Counter
from dataclasses import replace

import pytest

from smtp_operator.api.errors import ApiUnavailable, RequestRefused
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, fails, passes
from smtp_testkit.simulation.engine import Mail

SERVERS = [f"{name}.example.com" for name in ("one", "two", "three")]
SLOW = "slow.example.com"


def always() -> None:
    """No other replica may send."""


class Lease:
    """A Lease that can be lost."""

    lost = False

    def check(self) -> None:
        if self.lost:
            raise RuntimeError("the lease is lost")


@pytest.fixture
def replicas() -> World:
    return World(may_send=always)


def name_of(mail: Mail) -> str:
    return dict(mail.settings.headers)["X-Smtp-Operator"]


def unreported(world: World, server: str) -> int:
    """Return the maximum number of sent emails of this server without a status."""
    mails = [mail for mail in world.mails if mail.settings.server == server]
    names = {name_of(mail) for mail in mails}
    changes = [(mail.at, 1) for mail in mails]
    changes += [
        (write.at, -1)
        for write in world.writes
        if write.status["summary"] == "TestEmailSent" and str(write.key) in names
    ]
    now, most = 0, 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def repeated(world: World) -> Counter[str]:
    """Return how many emails were sent again, for each server."""
    mails = Counter(mail.settings.server for mail in world.mails)
    objects = Counter({name_of(mail): mail.settings.server for mail in world.mails}.values())
    return mails - objects


async def start_with(world: World, *servers: str, each: int = 10, namespaces: int = 1) -> None:
    await world.start()
    for server in servers:
        for number in range(each):
            config = world.smtp_config(f"{server}-{number}", f"team-{number % namespaces}")
            config.create(server=server)


async def last_verdict(world: World, seconds: float = 600) -> float:
    """Return the seconds until the last SmtpConfig has passed."""
    begun = world.time()
    await world.passes(seconds)
    passed = {write.key: write.at for write in world.writes if write.status["summary"] == "TestEmailSent"}
    assert len(passed) == len(world.storage.smtp_configs)
    return max(passed.values()) - begun


@pytest.mark.parametrize("latency", [0.002, 1.0, 3.0])
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_one_server_has_at_most_as_many_unreported_emails_as_connections(
    limit: int, latency: float
) -> None:
    world = World(replace(ReconcilePolicy(), connections_per_destination=limit), may_send=always)
    world.cluster.latency = latency
    for server in SERVERS:
        world.engine.always(passes(seconds=0.4), server=server)
    await start_with(world, *SERVERS, each=20, namespaces=4)
    await last_verdict(world)
    for server in SERVERS:
        assert unreported(world, server) <= limit
    assert len(world.mails) == 60
    await world.stop()


@pytest.mark.parametrize("slow", [[], [SLOW]], ids=["prompt servers", "one slow server"])
async def test_the_last_verdict_is_as_early_as_without_replicas(slow: list[str]) -> None:
    seconds = []
    for may_send in (always, None):
        world = World(may_send=may_send)
        for server in SERVERS:
            world.engine.always(passes(seconds=0.9), server=server)
        world.engine.always(passes(seconds=9), server=SLOW)
        await start_with(world, *SERVERS, *slow, each=50, namespaces=10)
        seconds.append(await last_verdict(world))
        await world.stop()
    with_replicas, without = seconds
    assert with_replicas <= 1.01 * without
    assert without <= (9.5 if not slow else 95)


@pytest.mark.parametrize("moment", [0.3 * number for number in range(1, 20)])
async def test_a_killed_leader_repeats_at_most_the_unreported_emails(replicas: World, moment: float) -> None:
    replicas.cluster.latency = 0.3
    for server in SERVERS:
        replicas.engine.always(passes(seconds=0.8), server=server)
    await start_with(replicas, *SERVERS, each=20, namespaces=3)
    await replicas.passes(moment)
    await replicas.restart(after=15)
    await last_verdict(replicas)
    again = repeated(replicas)
    assert all(again[server] <= 5 for server in SERVERS)
    assert len({mail.message_id for mail in replicas.mails}) == 60
    await replicas.stop()


@pytest.mark.parametrize("moment", [0.5 + 0.3 * number for number in range(8)])
async def test_a_leader_without_api_server_sends_at_most_the_unreported_emails(moment: float) -> None:
    lease = Lease()
    world = World(may_send=lease.check)
    for server in SERVERS:
        world.engine.always(passes(seconds=0.8), server=server)
    await start_with(world, *SERVERS, each=30, namespaces=3)
    await world.passes(moment)
    world.cluster.faults.down = True
    await world.passes(8)
    lease.lost = True
    await world.passes(7)
    await world.stop()
    world.cluster.faults.down = False
    lease.lost = False
    await world.start()
    await last_verdict(world)
    again = repeated(world)
    assert all(again[server] <= 5 for server in SERVERS)
    assert len({mail.message_id for mail in world.mails}) == 90
    await world.stop()


async def test_a_retry_that_a_new_leader_triggers_otherwise_has_the_same_message_id(replicas: World) -> None:
    replicas.put_secret(password="s3cret-1")
    await replicas.start()
    replicas.engine.script(fails(Reason.CONNECT_TIMEOUT), passes(seconds=3))
    mail = replicas.smtp_config().create_with_login(recheck={"interval": "1m"})
    while not replicas.mails:
        await replicas.passes(0.1)
    await replicas.stop()
    replicas.put_secret(password="s3cret-2")
    await replicas.start()
    await replicas.passes(5)
    assert mail.trigger == "PasswordChanged"
    assert len(replicas.mails) == 2
    assert len({it.message_id for it in replicas.mails}) == 1
    await replicas.stop()


async def test_a_status_that_is_not_accepted_delays_others_for_12_seconds(replicas: World) -> None:
    replicas.policy = replace(replicas.policy, connections_per_destination=1)
    await replicas.start()
    replicas.cluster.fail_next("write_status", *[ApiUnavailable("500")] * 8)
    replicas.smtp_config("first", "team-a").create()
    await replicas.passes(1)
    second = replicas.smtp_config("second", "team-b").create()
    await replicas.passes(60)
    assert [mail.at - replicas.mails[0].at for mail in replicas.mails] == pytest.approx([0, 12], abs=0.5)
    assert second.ready == "True"
    await replicas.stop()


@pytest.mark.parametrize("end", ["written", "changed", "deleted"])
async def test_the_next_email_waits_no_longer_than_the_status(replicas: World, end: str) -> None:
    replicas.policy = replace(replicas.policy, connections_per_destination=1)
    await replicas.start()
    replicas.cluster.fail_next("write_status", ApiUnavailable("500"))
    first = replicas.smtp_config("first", "team-a").create()
    await replicas.passes(1)
    replicas.smtp_config("second", "team-b").create()
    await replicas.passes(1)
    if end == "changed":
        first.edit(port=25)
    elif end == "deleted":
        first.delete()
    await replicas.passes(30)
    others = [mail.at for mail in replicas.mails if name_of(mail) == "team-b/second"]
    waited = others[0] - replicas.mails[0].at
    assert waited == pytest.approx(5 if end == "written" else 2, abs=0.5)
    await replicas.stop()


async def test_the_next_email_is_one_of_the_namespace_with_the_fewest() -> None:
    world = World(replace(ReconcilePolicy(), connections_per_destination=2), may_send=always)
    world.cluster.latency = 3.0
    await start_with(world, SERVERS[0], each=20)
    await world.passes(10)
    before = len(world.mails)
    world.smtp_config("other", "team-b").create(server=SERVERS[0])
    await world.passes(30)
    names = [name_of(mail) for mail in world.mails[before:]]
    assert names.index("team-b/other") <= 2
    await world.stop()


async def test_a_refused_status_delays_no_other_email(replicas: World) -> None:
    replicas.policy = replace(replicas.policy, connections_per_destination=1)
    await replicas.start()
    replicas.cluster.fail_next("write_status", RequestRefused("too long"))
    replicas.smtp_config("first", "team-a").create()
    await replicas.passes(1)
    second = replicas.smtp_config("second", "team-b").create()
    await replicas.passes(1)
    assert second.ready == "True"
    await replicas.stop()


async def test_once_the_operator_is_told_to_end_no_email_starts(replicas: World) -> None:
    for server in SERVERS:
        replicas.engine.always(passes(seconds=0.6), server=server)
    await start_with(replicas, *SERVERS, each=20)
    await replicas.passes(2)
    before = len(replicas.mails)
    await replicas.operator.finish()
    await replicas.stop()
    assert len(replicas.mails) == before
    assert sum(write.status["summary"] == "TestEmailSent" for write in replicas.writes) == before
