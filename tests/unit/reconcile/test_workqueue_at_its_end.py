# SPDX-License-Identifier: Apache-2.0
"""``finish`` waits for running keys and starts none; due and running keys are counted."""

import asyncio

import pytest

from smtp_testkit.simulation.queue_handler import RecordingHandler, running


@pytest.fixture
def handler() -> RecordingHandler:
    return RecordingHandler()


async def test_finish_waits_for_running_keys_and_starts_none(
    handler: RecordingHandler,
) -> None:
    handler.seconds["slow"] = 0.5
    async with running(handler) as queue:
        queue.add("slow", at=0)
        queue.add("later", at=0.2)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        assert handler.now() == pytest.approx(0.5)
        queue.add("new", at=0)
        await asyncio.sleep(60)
    assert handler.order == ["slow"]


async def test_finish_waits_no_longer_than_its_patience(handler: RecordingHandler) -> None:
    handler.seconds["slow"] = 600
    async with running(handler) as queue:
        queue.add("slow", at=0)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        assert handler.now() == pytest.approx(1.1)


async def test_after_finish_a_free_slot_is_not_given_to_another_key(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"first": "server", "second": "server"}
    handler.seconds["first"] = 0.5
    async with running(handler, per_concurrency_key=1) as queue:
        queue.add("first", at=0)
        queue.add("second", at=0)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        await asyncio.sleep(60)
    assert handler.order == ["first"]


async def test_due_and_running_keys_are_counted(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"first": "server", "second": "server"}
    handler.seconds["first"] = 5
    async with running(handler, per_concurrency_key=1) as queue:
        queue.add("first", at=0)
        queue.add("second", at=0)
        queue.add("tomorrow", at=86400)
        await asyncio.sleep(1)
        assert (queue.due(), queue.running()) == (1, 1)
        await asyncio.sleep(5)
        assert (queue.due(), queue.running()) == (0, 0)


async def test_a_free_slot_goes_to_the_namespace_with_the_fewest(handler: RecordingHandler) -> None:
    keys = [f"team-{namespace}/{number}" for namespace in "abcde" for number in range(10)]
    handler.concurrency_keys = dict.fromkeys(keys, "server")
    handler.seconds.update(dict.fromkeys(keys, 10))
    async with running(handler, per_concurrency_key=2) as queue:
        for key in keys:
            queue.add(key, at=0)
        await asyncio.sleep(0.1)
        assert handler.order == [f"team-{namespace}/{number}" for namespace in "abcd" for number in range(2)]
        await asyncio.sleep(10)
        assert {key for key in handler.order[8:] if key.startswith("team-e")} == {"team-e/0", "team-e/1"}
        assert handler.most == 8
