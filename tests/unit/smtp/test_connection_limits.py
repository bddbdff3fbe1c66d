# SPDX-License-Identifier: Apache-2.0
"""Connections per destination are limited; the wait for a place does not count as time of the test."""

import asyncio

import pytest

from smtp_operator.fair_slots import NAMESPACE, OF_SMTP_TEST
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import FaultServer, after, reply
from smtp_testkit.mailpeers.trial import Trial


async def test_connections_stay_within_the_limit_and_all_get_a_place(
    trial: Trial, mailserver: MailServer
) -> None:
    trial.connections = ConnectionLimits(3)
    engine = trial.engine()
    settings = trial.settings(mailserver.plain_port)

    reports = await asyncio.gather(*(engine.run(settings) for _ in range(30)))

    assert all(report.verdict.passed for report in reports)
    assert mailserver.connections_total == 30
    assert mailserver.connections_max <= 3


async def take(limits: ConnectionLimits, destination: str) -> None:
    async with limits.place(destination):
        pass


async def test_another_destination_has_its_own_places() -> None:
    limits = ConnectionLimits(1)

    async with limits.place("a"), asyncio.timeout(60), limits.place("b"):
        waiting = asyncio.create_task(take(limits, "a"))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def test_first_come_first_served() -> None:
    limits = ConnectionLimits(1)
    order: list[int] = []

    async def wait(number: int) -> None:
        async with limits.place("a"):
            order.append(number)

    async with limits.place("a"):
        tasks = [asyncio.create_task(wait(number)) for number in range(5)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert order == [0, 1, 2, 3, 4]


async def test_a_free_place_goes_to_the_namespace_with_the_fewest() -> None:
    limits = ConnectionLimits(2)
    order: list[str] = []
    leave = {namespace: asyncio.Event() for namespace in ("attacker", "team-a")}

    async def connected(namespace: str) -> None:
        NAMESPACE.set(namespace)
        async with limits.place("a"):
            order.append(namespace)
            await leave[namespace].wait()

    attacks = [asyncio.create_task(connected("attacker")) for _ in range(300)]
    await asyncio.sleep(0)
    victim = asyncio.create_task(connected("team-a"))
    await asyncio.sleep(0)
    assert order == ["attacker", "attacker"]

    attacks[0].cancel()
    leave["team-a"].set()
    await victim

    assert order[:3] == ["attacker", "attacker", "team-a"]
    leave["attacker"].set()
    await asyncio.gather(*attacks, return_exceptions=True)


@pytest.mark.parametrize(("places", "of_smtp_tests"), [(1, 1), (2, 1), (5, 2), (10, 5)])
async def test_smtp_tests_use_at_most_half_of_the_places(places: int, of_smtp_tests: int) -> None:
    limits = ConnectionLimits(places)
    connected: list[str] = []
    leave = asyncio.Event()

    async def connect(kind: str) -> None:
        NAMESPACE.set(f"namespace-{len(tasks)}")
        OF_SMTP_TEST.set(kind == "SmtpTest")
        async with limits.place("a"):
            connected.append(kind)
            await leave.wait()

    tasks: list[asyncio.Task[None]] = []
    for kind in ("SmtpTest", "SmtpConfig"):
        tasks += [asyncio.create_task(connect(kind)) for _ in range(2 * places)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert connected == ["SmtpTest"] * of_smtp_tests + ["SmtpConfig"] * (places - of_smtp_tests)
    leave.set()
    await asyncio.gather(*tasks)
    assert connected.count("SmtpTest") == connected.count("SmtpConfig") == 2 * places


async def test_a_canceled_smtp_test_gives_its_place_to_the_next_one() -> None:
    limits = ConnectionLimits(2)
    connected: list[int] = []

    async def connect(number: int) -> None:
        OF_SMTP_TEST.set(True)
        async with limits.place("a"):
            connected.append(number)
            await asyncio.Event().wait()

    async with limits.place("a"), limits.place("a"):  # all places are taken by SmtpConfigs
        tasks = [asyncio.create_task(connect(number)) for number in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert connected == [1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_canceled_wait_leaves_no_trace() -> None:
    limits = ConnectionLimits(1)

    async def wait() -> None:
        async with limits.place("a"):
            raise AssertionError("there was no place")

    async with limits.place("a"):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(60), limits.place("a"):
        pass


def test_a_limit_of_zero_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ConnectionLimits(0)


@pytest.mark.looptime
async def test_waiting_for_a_place_takes_no_time_of_the_test(trial: Trial) -> None:
    trial.connections = ConnectionLimits(1)
    async with FaultServer({"banner": after(3, reply("220 fault.test"))}) as server:
        trial.connect = server.connect
        engine = trial.engine()
        settings = trial.settings(server.port, timeout=5)
        reports = await asyncio.gather(*(engine.run(settings) for _ in range(4)))

    assert all(report.verdict.passed for report in reports)
    assert [report.duration for report in reports] == pytest.approx([3] * 4, abs=0.2)
    for report in reports:
        assert sum(timing.seconds for timing in report.phases) == pytest.approx(report.duration, abs=0.1)
