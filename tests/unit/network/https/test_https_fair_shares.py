# SPDX-License-Identifier: Apache-2.0
"""Requests of a namespace start at once, whatever another namespace asks of servers."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.host_limiter import REQUESTS_PER_HOST, PerHostLimiter
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest, HttpsResponse
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
PATIENT = HttpsLimits(connect=600.0, read=600.0, total=600.0)
HUNG = HttpsError(ErrorKind.TOO_SLOW, "vault.example.com", 443, seconds=20.0)

RequestOf = Callable[..., HttpsRequest]


@pytest.fixture
def silent() -> Iterator[list[socket.socket]]:
    """Return 200 servers that accept connections and say nothing, not even in TLS."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(200)]
    yield servers
    for it in servers:
        it.close()


class Servers:
    """Requests that end when the test says so."""

    def __init__(self, threads: int = 128) -> None:
        self.limiter = PerHostLimiter(threads)
        self.asked: list[tuple[str, str]] = []
        self.ends: dict[tuple[str, str], list[asyncio.Future[None]]] = {}

    async def ask(self, namespace: str, server: str, times: int = 1) -> list["asyncio.Task[None]"]:
        """Start requests, and let them proceed as far as they can."""

        async def asked() -> None:
            NAMESPACE.set(namespace)
            await self.limiter.run(server, lambda: self._request((namespace, server)))

        tasks = [asyncio.create_task(asked()) for _ in range(times)]
        await settled()
        return tasks

    async def end(self, namespace: str, server: str, error: Exception | None = None) -> None:
        """End the oldest request of the namespace to the server."""
        end = self.ends[namespace, server].pop(0)
        if error is None:
            end.set_result(None)
        else:
            end.set_exception(error)
        await settled()

    async def _request(self, which: tuple[str, str]) -> None:
        self.asked.append(which)
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ends.setdefault(which, []).append(end)
        await end


async def settled() -> None:
    """Let all tasks proceed that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def cancelled(tasks: list["asyncio.Task[None]"]) -> None:
    for it in tasks:
        it.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def sending(https: Https, request: HttpsRequest, namespace: str) -> "asyncio.Task[HttpsResponse]":
    async def sent() -> HttpsResponse:
        NAMESPACE.set(namespace)
        return await https.send(request)

    return asyncio.create_task(sent())


async def test_200_hanging_servers_of_one_namespace_delay_no_other_namespace(
    silent: list[socket.socket], names: Names, endpoint: TokenServer, request_of: RequestOf
) -> None:
    """Servers hang during the whole test, so a request to one of them never ends."""
    https = Https(policy=POLICY, resolver=names, limits=PATIENT)
    urls = [f"https://127.0.0.1:{it.getsockname()[1]}/" for it in silent]
    hanging = [sending(https, request_of(url=url), "attacker") for url in urls]
    await settled()

    answers = [await sending(https, request_of(), "team-a") for _ in range(3)]

    assert len(answers) == 3
    assert not any(it.done() for it in hanging)
    for it in hanging:
        it.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    https.close()


async def test_servers_known_to_hang_leave_places_to_other_namespaces() -> None:
    servers = Servers(threads=32)
    tasks = []
    for number in range(40):
        tasks += await servers.ask("attacker", f"hangs-{number}")
        await servers.end("attacker", f"hangs-{number}", HUNG)
    for number in range(40):
        tasks += await servers.ask("attacker", f"hangs-{number}")
    tasks += await servers.ask("team-a", "slow-vault")
    await servers.end("team-a", "slow-vault", HUNG)

    tasks += await servers.ask("team-a", "slow-vault")

    assert servers.asked.count(("team-a", "slow-vault")) == 2
    await cancelled(tasks)


async def test_many_requests_of_one_namespace_to_a_shared_server_delay_no_other_namespace() -> None:
    servers = Servers()
    tasks = await servers.ask("attacker", "vault")
    await servers.end("attacker", "vault")  # promptly, so that several requests are allowed
    tasks += await servers.ask("attacker", "vault", 300)
    assert len(servers.asked) == 1 + REQUESTS_PER_HOST

    tasks += await servers.ask("team-a", "vault")

    assert servers.asked[-1] == ("team-a", "vault")
    await cancelled(tasks)


async def test_a_free_place_goes_to_the_namespace_with_the_fewest() -> None:
    servers = Servers(threads=2)
    tasks = await servers.ask("attacker", "a")
    tasks += await servers.ask("attacker", "b")
    for name in "cdefgh":
        tasks += await servers.ask("attacker", name)
    tasks += await servers.ask("team-a", "vault")
    assert servers.asked == [("attacker", "a"), ("attacker", "b")]

    await servers.end("attacker", "a")

    assert servers.asked[2:] == [("team-a", "vault")]
    await cancelled(tasks)


async def test_a_request_that_hangs_fails_only_those_of_its_namespace_if_the_server_answers_others() -> None:
    servers = Servers()
    tasks = await servers.ask("attacker", "vault", 5)
    ours = await servers.ask("team-a", "vault", 2)
    await servers.end("team-a", "vault")
    ours += await servers.ask("team-a", "vault", REQUESTS_PER_HOST + 1)

    await servers.end("attacker", "vault", HUNG)

    assert all(isinstance(it.exception(), HttpsError) for it in tasks)
    assert [it.done() for it in ours] == [True] + [False] * (len(ours) - 1)
    await cancelled(ours)


async def test_a_server_that_answers_no_one_fails_the_waiting_requests_of_all_namespaces() -> None:
    servers = Servers()
    tasks = await servers.ask("team-a", "vault", 2)
    others = await servers.ask("team-b", "vault", 2)

    await servers.end("team-a", "vault", HUNG)

    assert all(isinstance(it.exception(), HttpsError) for it in tasks)
    assert [it.done() for it in others] == [False, True]
    await cancelled(others)


async def test_a_canceled_request_that_waits_for_a_thread_leaves_the_queue() -> None:
    servers = Servers(threads=1)
    (first,) = await servers.ask("team-a", "a")
    given_up = await servers.ask("team-a", "b", 3)
    await cancelled(given_up)
    (last,) = await servers.ask("team-a", "c")

    await servers.end("team-a", "a")

    assert servers.asked == [("team-a", "a"), ("team-a", "c")]
    await cancelled([first, last])


async def test_a_canceled_request_frees_its_thread(
    silent: list[socket.socket], names: Names, request_of: RequestOf
) -> None:
    """The only thread waits for a server that never answers; canceled, it works for the next request."""
    https = Https(policy=POLICY, resolver=names, limits=PATIENT, threads=1)
    hanging = sending(https, request_of(url=f"https://127.0.0.1:{silent[0].getsockname()[1]}/"), "team-a")
    connection, _ = await asyncio.to_thread(silent[0].accept)

    hanging.cancel()
    async with asyncio.timeout(60):
        answer = await sending(https, request_of(), "team-a")

    assert answer.status
    connection.close()
    https.close()
