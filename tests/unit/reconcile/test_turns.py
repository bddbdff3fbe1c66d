# SPDX-License-Identifier: Apache-2.0
"""If replicas stand by, an email waits for the status of the previous one, except at slow servers."""

import pytest

from smtp_testkit.simulation import World, passes

SERVERS = [f"{name}.example.com" for name in ("one", "two", "three")]
SLOW = "slow.example.com"


def always() -> None:
    """No other replica may send."""


@pytest.fixture
def replicas() -> World:
    return World(may_send=always)


def untold(world: World) -> int:
    """Return the maximum number of sent emails without a status: all of these may be sent again."""
    left = [(mail.at, 1) for mail in world.mails]
    told = [(write.at, -1) for write in world.writes if write.status["summary"] == "TestEmailSent"]
    now, most = 0, 0
    for _, change in sorted(left + told):
        now += change
        most = max(most, now)
    return most


async def lives(world: World, *servers: str, each: int = 10, seconds: float = 60) -> None:
    await world.start()
    for server in servers:
        for number in range(each):
            world.smtp_config(f"{server}-{number}").create(server=server)
    await world.passes(seconds)


async def test_of_prompt_servers_one_email_at_a_time_has_no_status(replicas: World) -> None:
    for server in SERVERS:
        replicas.engine.always(passes(seconds=0.8), server=server)
    await lives(replicas, *SERVERS)
    assert len(replicas.mails) == 30
    assert untold(replicas) == 1
    await replicas.stop()


async def test_everything_before_data_goes_side_by_side(replicas: World) -> None:
    await lives(replicas, *SERVERS, seconds=0.1)
    assert len(replicas.engine.under_way) == 15
    await replicas.stop()


async def test_without_other_replicas_no_email_waits(world: World) -> None:
    for server in SERVERS:
        world.engine.always(passes(seconds=0.8), server=server)
    await lives(world, *SERVERS, each=5, seconds=2)
    assert untold(world) == 15


async def test_a_status_that_takes_its_time_is_waited_for(replicas: World) -> None:
    replicas.cluster.latency = 3.0
    await lives(replicas, *SERVERS, each=2)
    assert len(replicas.mails) == 6
    assert untold(replicas) == 1
    await replicas.stop()


async def test_an_api_server_that_does_not_answer_holds_others_up_until_the_lease_would_be_lost(
    replicas: World,
) -> None:
    replicas.cluster.latency = 20.0
    await lives(replicas, *SERVERS, each=2)
    first, second, *_ = replicas.mails
    assert second.at - first.at == pytest.approx(12.25, abs=0.25)
    await replicas.stop()


async def test_a_namespace_whose_servers_never_answer_takes_a_second_of_the_others(replicas: World) -> None:
    slow = [f"{number}.{SLOW}" for number in range(20)]
    for server in slow:
        replicas.engine.always(passes(seconds=45), server=server)
    await lives(replicas, *slow, each=3, seconds=0.1)
    healthy = replicas.smtp_config("healthy", "team-b").create()
    await replicas.passes(1.5)
    assert healthy.ready == "True"
    await replicas.stop()


async def test_the_mails_of_a_slow_server_are_as_many_at_a_time_as_without_replicas(replicas: World) -> None:
    replicas.engine.always(passes(seconds=10), server=SLOW)
    await lives(replicas, SLOW, each=15, seconds=32)
    assert len(replicas.mails) == 15
    await replicas.stop()


async def test_a_minute_after_it_was_slow_a_server_is_waited_for_again(replicas: World) -> None:
    replicas.engine.always(passes(seconds=10), server=SLOW)
    await lives(replicas, SLOW, each=5, seconds=30)
    assert untold(replicas) == 5
    replicas.engine.always(passes(seconds=0.5), server=SLOW)
    await replicas.passes(32)
    replicas.forget()
    for number in range(10):
        replicas.smtp_config(f"later-{number}").create(server=SLOW)
    await replicas.passes(30)
    assert len(replicas.mails) == 10
    assert untold(replicas) == 1
    await replicas.stop()


async def test_once_the_operator_is_told_to_end_it_is_nobodys_turn_any_more(replicas: World) -> None:
    for server in SERVERS:
        replicas.engine.always(passes(seconds=0.6), server=server)
    await lives(replicas, *SERVERS, seconds=2)
    before = len(replicas.mails)
    await replicas.operator.finish()
    await replicas.stop()
    assert len(replicas.mails) == before
    assert untold(replicas) == 1
    assert sum(write.status["summary"] == "TestEmailSent" for write in replicas.writes) == before
