# SPDX-License-Identifier: Apache-2.0
"""Attack: a client requests /metrics without a pause, to block the event loop."""

import asyncio
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from smtp_operator.cli.run.metrics_endpoint import SharedExposition


@dataclass(eq=False)
class Clock(Collector):
    """A clock that advances by a second for each rendering, and by each sleep."""

    now: float = 0.0
    renderings: list[float] = field(default_factory=list)

    def collect(self) -> Iterator[Metric]:
        self.renderings.append(self.now)
        self.now += 1.0
        yield GaugeMetricFamily("renderings", "How many there were.", value=len(self.renderings))

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(clock: Clock) -> SharedExposition:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(clock)
    clock.renderings.clear()
    clock.now = 0.0
    return SharedExposition(registry, clock=clock.time, sleep=clock.sleep)


async def ask(shared: SharedExposition, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await shared.handle(make_mocked_request("GET", "/metrics", headers=named))


def body_of(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


async def test_a_hundred_concurrent_requests_need_two_renderings(
    shared: SharedExposition, clock: Clock
) -> None:
    """The first is for requests from before its start, the second for those that arrived during it."""
    answers = await asyncio.gather(*(ask(shared) for _ in range(100)))

    assert len(clock.renderings) <= 2
    assert {it.status for it in answers} == {200}


async def test_renderings_take_a_fifth_of_the_time(shared: SharedExposition, clock: Clock) -> None:
    for _ in range(5):
        await ask(shared)

    assert clock.renderings == [0, 5, 10, 15, 20]


async def test_other_formats_and_filters_cost_no_extra_renderings(
    shared: SharedExposition, clock: Clock
) -> None:
    kinds = [f"application/openmetrics-text; version={it}.0.0" for it in range(1, 50)]

    await asyncio.gather(*(ask(shared, Accept=kind) for kind in kinds))

    assert len(clock.renderings) <= 2


async def test_no_one_gets_metrics_from_before_the_request(shared: SharedExposition) -> None:
    assert b"renderings 1.0" in body_of(await ask(shared))
    assert b"renderings 2.0" in body_of(await ask(shared))


async def test_a_disconnected_client_does_not_block_the_next(shared: SharedExposition) -> None:
    await ask(shared)
    gone = asyncio.create_task(ask(shared))
    waiting = asyncio.create_task(ask(shared))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await waiting).status == 200


async def test_prometheus_gets_the_format_that_it_asks_for(shared: SharedExposition) -> None:
    plain = await ask(shared)
    openmetrics = await ask(
        shared, Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Accept_Encoding="gzip"
    )

    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0;")
    assert gzip.decompress(body_of(openmetrics)).endswith(b"# EOF\n")
