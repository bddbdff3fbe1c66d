# SPDX-License-Identifier: Apache-2.0
"""Told to finish, the queue lets what is under way end and begins nothing; and it can be counted."""

import asyncio

import pytest

from smtp_testkit.simulation.desk import Desk, running


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_told_to_finish_it_waits_for_what_is_under_way_and_begins_nothing(desk: Desk) -> None:
    desk.seconds["slow"] = 0.5
    async with running(desk) as queue:
        queue.add("slow", at=0)
        queue.add("later", at=0.2)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        assert desk.now() == pytest.approx(0.5)
        queue.add("new", at=0)
        await asyncio.sleep(60)
    assert desk.order == ["slow"]


async def test_it_does_not_wait_longer_than_told(desk: Desk) -> None:
    desk.seconds["slow"] = 600
    async with running(desk) as queue:
        queue.add("slow", at=0)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        assert desk.now() == pytest.approx(1.1)


async def test_after_finish_a_free_slot_is_not_given_to_another_key(desk: Desk) -> None:
    desk.lanes = {"first": "lane", "second": "lane"}
    desk.seconds["first"] = 0.5
    async with running(desk, per_lane=1) as queue:
        queue.add("first", at=0)
        queue.add("second", at=0)
        await asyncio.sleep(0.1)
        await queue.finish(1.0)
        await asyncio.sleep(60)
    assert desk.order == ["first"]


async def test_what_is_due_and_what_is_handled_is_counted(desk: Desk) -> None:
    desk.lanes = {"first": "lane", "second": "lane"}
    desk.seconds["first"] = 5
    async with running(desk, per_lane=1) as queue:
        queue.add("first", at=0)
        queue.add("second", at=0)
        queue.add("tomorrow", at=86400)
        await asyncio.sleep(1)
        assert (queue.due(), queue.running()) == (1, 1)
        await asyncio.sleep(5)
        assert (queue.due(), queue.running()) == (0, 0)


async def test_a_free_slot_goes_to_the_namespace_with_the_fewest(desk: Desk) -> None:
    keys = [f"team-{namespace}/{number}" for namespace in "abcde" for number in range(10)]
    desk.lanes = dict.fromkeys(keys, "lane")
    desk.seconds.update(dict.fromkeys(keys, 10))
    async with running(desk, per_lane=2) as queue:
        for key in keys:
            queue.add(key, at=0)
        await asyncio.sleep(0.1)
        assert desk.order == [f"team-{namespace}/{number}" for namespace in "abcd" for number in range(2)]
        await asyncio.sleep(10)
        assert {key for key in desk.order[8:] if key.startswith("team-e")} == {"team-e/0", "team-e/1"}
        assert desk.most == 8
