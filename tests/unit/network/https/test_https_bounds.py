# SPDX-License-Identifier: Apache-2.0
"""An answer is small and comes in time, whatever the server does; and nothing outlives the operator."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits, HttpsRequest
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.http_listener import HttpRequest
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

RequestOf = Callable[..., HttpsRequest]


async def trouble_of(helper: Https, request: HttpsRequest) -> ErrorKind:
    with pytest.raises(HttpsError) as failed:
        await helper.send(request)
    return failed.value.kind


def test_the_bounds_of_a_request() -> None:
    """In seconds and bytes; the tests below and those of each source hold smaller ones."""
    assert HttpsLimits() == HttpsLimits(resolve=5.0, connect=5.0, read=10.0, total=20.0, size=65_536)


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


async def test_an_answer_that_is_too_large_is_cut_off(
    frugal: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.answers.append((200, b"x" * 5_000_000, {}))

    assert await trouble_of(frugal, request_of()) is ErrorKind.TOO_LARGE


async def test_a_header_that_drips_for_ever_ends_at_the_deadline(
    impatient: Https, endpoint: TokenServer, request_of: RequestOf, ended: threading.Event
) -> None:
    def drip(call: HttpRequest) -> bool:
        call.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not ended.wait(0.1):
            call.connection.sendall(b"x")
        return False

    endpoint.before_answer = drip

    assert await trouble_of(impatient, request_of()) is ErrorKind.TOO_SLOW


async def test_a_body_that_drips_for_ever_ends_at_the_deadline(
    impatient: Https, endpoint: TokenServer, request_of: RequestOf, ended: threading.Event
) -> None:
    def drip(call: HttpRequest) -> bool:
        call.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        while not ended.wait(0.1):
            call.connection.sendall(b"x")
        return False

    endpoint.before_answer = drip

    assert await trouble_of(impatient, request_of()) is ErrorKind.TOO_SLOW


async def test_a_silent_server_is_given_up(
    impatient: Https, endpoint: TokenServer, request_of: RequestOf, ended: threading.Event
) -> None:
    endpoint.before_answer = lambda call: ended.wait() and False

    assert await trouble_of(impatient, request_of()) is ErrorKind.TOO_SLOW


async def test_a_connection_that_is_closed_without_an_answer(
    https: Https, endpoint: TokenServer, request_of: RequestOf
) -> None:
    endpoint.before_answer = lambda call: False

    assert await trouble_of(https, request_of()) is ErrorKind.DROPPED


async def test_closing_has_those_who_wait_give_up(
    names: Names, endpoint: TokenServer, request_of: RequestOf, ended: threading.Event
) -> None:
    """Else a process that should end would wait for its threads."""
    asked = threading.Event()

    def say_nothing(call: HttpRequest) -> bool:
        asked.set()
        return ended.wait() and False

    endpoint.before_answer = say_nothing
    policy = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])
    helper = Https(policy=policy, resolver=names, limits=HttpsLimits(read=600, total=600))
    waiting = asyncio.create_task(trouble_of(helper, request_of()))
    await asyncio.to_thread(asked.wait)

    helper.close()

    assert await waiting is ErrorKind.TOO_SLOW
