# SPDX-License-Identifier: Apache-2.0
"""200 names with a silent name server delay only their own namespace."""

import asyncio
import ipaddress
import threading
from collections.abc import Iterator

import pytest

from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.network.resolver import Address, ThreadedResolver

ANSWER = (ipaddress.ip_address("192.0.2.1"),)


class SilentNameServer:
    """Answers all names at once, except those of ``silent.example``, which get no answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ends = threading.Event()

    def __call__(self, name: str) -> tuple[Address, ...]:
        name = name.removesuffix(".")  # no search domains
        self.asked.append(name)
        if name.endswith(".silent.example"):
            self.ends.wait(60)
        return ANSWER


@pytest.fixture
def name_server() -> Iterator[SilentNameServer]:
    server = SilentNameServer()
    yield server
    server.ends.set()


def look_up(
    resolver: ThreadedResolver, name: str, *, namespace: str, limit: float = 60
) -> asyncio.Task[tuple[Address, ...]]:
    async def asked() -> tuple[Address, ...]:
        NAMESPACE.set(namespace)
        return await resolver.addresses(name, limit=limit)

    return asyncio.create_task(asked())


def silent_names(count: int, prefix: str = "n") -> list[str]:
    return [f"{prefix}{number}.silent.example" for number in range(count)]


async def cancelled(tasks: list[asyncio.Task[tuple[Address, ...]]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_200_silent_names_of_one_namespace_delay_no_other_namespace(
    name_server: SilentNameServer,
) -> None:
    resolver = ThreadedResolver(lookup=name_server)
    silent = [look_up(resolver, name, namespace="attacker") for name in silent_names(200)]
    await asyncio.sleep(0)

    assert await look_up(resolver, "mail.example.com", namespace="team-a", limit=5) == ANSWER
    assert len(name_server.asked) < 64
    await cancelled(silent)


async def test_the_next_free_slot_goes_to_the_namespace_with_the_fewest(
    name_server: SilentNameServer,
) -> None:
    resolver = ThreadedResolver(threads=4, per_namespace=4, lookup=name_server)
    silent = [look_up(resolver, name, namespace="attacker") for name in silent_names(200)]
    await asyncio.sleep(0)
    late = look_up(resolver, "mail.example.com", namespace="team-a")
    await asyncio.sleep(0)
    silent[0].cancel()

    assert await late == ANSWER
    await cancelled(silent)


async def test_a_lookup_that_never_ends_does_not_hold_a_slot_that_no_test_waits_for(
    name_server: SilentNameServer,
) -> None:
    resolver = ThreadedResolver(threads=2, per_namespace=2, lookup=name_server)
    silent = [look_up(resolver, name, namespace="team-a") for name in silent_names(2)]
    await asyncio.sleep(0)
    await cancelled(silent)

    assert await look_up(resolver, "mail.example.com", namespace="team-a", limit=5) == ANSWER


async def test_abandoned_lookups_are_never_started(
    name_server: SilentNameServer,
) -> None:
    resolver = ThreadedResolver(threads=1, per_namespace=1, lookup=name_server)
    silent = [look_up(resolver, name, namespace="team-a") for name in silent_names(50)]
    await asyncio.sleep(0)
    await cancelled(silent[1:])
    await cancelled(silent[:1])

    assert await look_up(resolver, "mail.example.com", namespace="team-a", limit=5) == ANSWER
    assert name_server.asked == ["n0.silent.example", "mail.example.com"]


async def test_threads_are_bounded_however_often_lookups_are_given_up(
    name_server: SilentNameServer,
) -> None:
    before = threading.active_count()
    resolver = ThreadedResolver(threads=4, per_namespace=4, lookup=name_server)
    for number in range(20):
        silent = [
            look_up(resolver, name, namespace="attacker") for name in silent_names(4, prefix=f"{number}-")
        ]
        await asyncio.sleep(0)
        await cancelled(silent)

    assert threading.active_count() - before <= 8


async def test_a_name_that_waits_in_one_namespace_is_resolved_at_once_in_another(
    name_server: SilentNameServer,
) -> None:
    resolver = ThreadedResolver(threads=8, per_namespace=2, lookup=name_server)
    names = [*silent_names(2), "mail.example.com"]
    silent = [look_up(resolver, name, namespace="attacker") for name in names]
    await asyncio.sleep(0)

    assert await look_up(resolver, "mail.example.com", namespace="team-a", limit=5) == ANSWER
    await cancelled(silent)
