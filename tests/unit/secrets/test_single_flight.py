# SPDX-License-Identifier: Apache-2.0
"""Concurrent equal calls share one call, which ends with its last caller."""

import asyncio

import pytest

from smtp_operator.secrets.single_flight import SingleFlight


class Calls:
    """A call that ends when the test says so."""

    def __init__(self) -> None:
        self.flight: SingleFlight[str] = SingleFlight()
        self.started = 0
        self.canceled = 0
        self.end = asyncio.Event()

    def caller(self) -> "asyncio.Task[str]":
        return asyncio.create_task(self.flight.run("key", self._call))

    async def _call(self) -> str:
        self.started += 1
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        return "answer"


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_canceled_caller_leaves_the_call_to_the_others() -> None:
    calls = Calls()
    first, second = calls.caller(), calls.caller()
    await settled()
    first.cancel()
    await settled()
    calls.end.set()
    assert await second == "answer"
    assert (calls.started, calls.canceled) == (1, 0)


async def test_the_call_is_canceled_with_its_last_caller() -> None:
    calls = Calls()
    callers = [calls.caller() for _ in range(3)]
    await settled()
    for it in callers:
        it.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await settled()
    assert (calls.started, calls.canceled) == (1, 1)


async def test_a_caller_after_the_last_one_starts_a_new_call() -> None:
    calls = Calls()
    first = calls.caller()
    await settled()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    calls.end.set()
    assert await calls.caller() == "answer"
    assert calls.started == 2


async def test_canceling_all_calls_cancels_their_callers() -> None:
    calls = Calls()
    caller = calls.caller()
    await settled()
    calls.flight.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
