# SPDX-License-Identifier: Apache-2.0
"""A server that hangs delays only its own users."""

import asyncio
import socket
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.host_limiter import PROMPT, REQUESTS_PER_HOST, PerHostLimiter
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
HUNG = HttpsError(ErrorKind.TOO_SLOW, "vault.example.com", 443, seconds=20.0)

RequestOf = Callable[..., HttpsRequest]


@pytest.fixture
def silent() -> Iterator[list[int]]:
    """Ports of 100 servers that accept connections and say nothing, not even in TLS."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(100)]
    yield [it.getsockname()[1] for it in servers]
    for it in servers:
        it.close()


async def test_a_hundred_hanging_servers_delay_no_other(
    silent: list[int], names: Names, endpoint: TokenServer, request_of: RequestOf
) -> None:
    """Servers hang during the whole test, so a request to one of them never ends."""
    limits = HttpsLimits(connect=600.0, read=600.0, total=600.0)
    https = Https(policy=POLICY, resolver=names, limits=limits)
    hanging = [
        asyncio.create_task(https.send(request_of(url=f"https://127.0.0.1:{port}/"))) for port in silent * 3
    ]
    await asyncio.sleep(0)

    answers = [await https.send(request_of()) for _ in range(3)]

    assert len(answers) == 3
    assert [it for it in hanging if it.done()] == []
    for it in hanging:
        it.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    https.close()


class ControlledRequests:
    """Requests that end when the test says so."""

    def __init__(self, threads: int = 16) -> None:
        self.limiter = PerHostLimiter(threads)
        self.asked: list[str] = []
        self._ends: list[tuple[str, asyncio.Future[str]]] = []

    async def send(self, server: str) -> str:
        return await self.limiter.run(server, lambda: self._ask(server))

    def sends(self, server: str, times: int = 1) -> list["asyncio.Task[str]"]:
        return [asyncio.create_task(self.send(server)) for _ in range(times)]

    async def end(self, server: str, error: Exception | None = None) -> None:
        """The oldest request to that server ends."""
        index = next(i for i, (name, _) in enumerate(self._ends) if name == server)
        _, end = self._ends.pop(index)
        if error is None:
            end.set_result(server)
        else:
            end.set_exception(error)
        await settled()

    async def answers_promptly(self, server: str) -> None:
        (task,) = self.sends(server)
        await settled()
        await self.end(server)
        await task
        self.asked.clear()

    async def hangs(self, server: str) -> None:
        (task,) = self.sends(server)
        await settled()
        await self.end(server, HUNG)
        with pytest.raises(HttpsError):
            await task
        self.asked.clear()

    async def _ask(self, server: str) -> str:
        self.asked.append(server)
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ends.append((server, end))
        return await end


async def settled() -> None:
    """Let all tasks proceed that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ended(tasks: list["asyncio.Task[str]"]) -> list[object]:
    return [it.result() if not it.exception() else it.exception() for it in tasks if it.done()]


async def cancelled(tasks: list["asyncio.Task[str]"]) -> None:
    for it in tasks:
        it.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_server_that_never_answered_is_asked_one_thing_at_a_time() -> None:
    requests = ControlledRequests()
    tasks = requests.sends("a", 3)
    await settled()
    assert requests.asked == ["a"]
    await cancelled(tasks)


async def test_a_server_that_answers_is_asked_several_things_at_a_time() -> None:
    requests = ControlledRequests()
    tasks = requests.sends("a", REQUESTS_PER_HOST + 2)
    await settled()
    await requests.end("a")
    assert len(requests.asked) == 1 + REQUESTS_PER_HOST
    await requests.end("a")
    assert len(requests.asked) == 2 + REQUESTS_PER_HOST
    await cancelled(tasks)


async def test_who_waits_behind_a_request_that_hangs_is_told_and_nothing_is_sent() -> None:
    requests = ControlledRequests()
    tasks = requests.sends("a", 5)
    await settled()

    await requests.end("a", HUNG)

    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert requests.asked == ["a"]
    assert [(type(it), str(it)) for it in failures] == [(HttpsError, "too slow")] * 5
    assert len(set(map(id, failures))) == 5  # each with its own traceback


async def test_who_waits_behind_another_failure_is_asked_for() -> None:
    requests = ControlledRequests()
    tasks = requests.sends("a", 2)
    await settled()

    await requests.end("a", HttpsError(ErrorKind.REFUSED, "vault.example.com", 443))

    assert requests.asked == ["a", "a"]
    await cancelled(tasks)


async def test_those_that_hang_get_half_of_the_threads() -> None:
    requests = ControlledRequests(threads=8)
    for name in "abcdef":
        await requests.hangs(name)

    tasks = [
        *requests.sends("a"),
        *requests.sends("b"),
        *requests.sends("c"),
        *requests.sends("d"),
        *requests.sends("e", 9),
    ]
    await settled()
    assert requests.asked == ["a", "b", "c", "d"]
    tasks += requests.sends("new")
    await settled()
    assert requests.asked == ["a", "b", "c", "d", "new"]
    await requests.end("b")
    assert requests.asked[5:] == ["e"]
    await cancelled(tasks)


@pytest.mark.looptime
async def test_an_answer_that_takes_long_is_none_of_a_prompt_server() -> None:
    requests = ControlledRequests()
    tasks = requests.sends("a", 3)
    await settled()
    await asyncio.sleep(PROMPT)
    await requests.end("a")
    assert requests.asked == ["a", "a"]
    await requests.end("a")
    assert requests.asked == ["a", "a", "a"]
    assert await ended(tasks) == ["a", "a"]
    await cancelled(tasks)


async def test_a_server_that_answers_again_is_trusted_again() -> None:
    requests = ControlledRequests()
    await requests.hangs("a")
    await requests.answers_promptly("a")
    tasks = requests.sends("a", REQUESTS_PER_HOST)
    await settled()
    assert len(requests.asked) == REQUESTS_PER_HOST
    await cancelled(tasks)


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    requests = ControlledRequests()
    first, second, third = requests.sends("a", 3)
    await settled()
    await cancelled([second])
    await requests.end("a")
    assert requests.asked == ["a", "a"]
    assert await first == "a"
    await cancelled([third])


async def test_an_abandoned_request_keeps_its_slot_until_it_ends() -> None:
    """The thread continues after the caller was canceled."""
    requests = ControlledRequests()
    (first,) = requests.sends("a")
    await settled()
    await cancelled([first])
    tasks = requests.sends("a")
    await settled()
    assert requests.asked == ["a"]
    await requests.end("a")
    assert requests.asked == ["a", "a"]
    await cancelled(tasks)


async def test_what_is_remembered_of_servers_is_bounded() -> None:
    requests = ControlledRequests()
    tracemalloc.start()
    try:
        for number in range(1200):
            await requests.limiter.run(number, lambda: asyncio.sleep(0))
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1200, 4000):
            await requests.limiter.run(number, lambda: asyncio.sleep(0))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000  # 2,800 more would be a megabyte
