# SPDX-License-Identifier: Apache-2.0
"""The queue of deadlines: each key serially, lanes a few at a time, no time lost and none burnt."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smtp_operator.reconcile.workqueue import WorkQueue
from smtp_testkit.simulation.desk import Desk, running

Handle = Callable[[str], Awaitable[None]]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_key_is_handled_when_it_is_due(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=desk.now() + 7)
        await asyncio.sleep(20)
    assert [round(at, 3) for at in desk.times("a")] == [7.0]


async def test_a_key_that_is_overdue_is_handled_at_once(desk: Desk) -> None:
    async with running(desk) as queue:
        await asyncio.sleep(10)
        queue.add("a", at=3)
        await asyncio.sleep(0.001)
        assert desk.order == ["a"]


async def test_keys_are_handled_in_the_order_of_their_deadlines(desk: Desk) -> None:
    async with running(desk) as queue:
        for at, key in ((3, "c"), (1, "a"), (2, "b")):
            queue.add(key, at=at)
        await asyncio.sleep(5)
    assert desk.order == ["a", "b", "c"]


async def test_a_key_added_twice_is_handled_once(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=1)
        queue.add("a", at=1)
        queue.add("a", at=2)
        await asyncio.sleep(5)
    assert desk.order == ["a"]


async def test_the_earlier_deadline_wins(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=100)
        queue.add("a", at=1)
        await asyncio.sleep(200)
    assert [round(at, 3) for at in desk.times("a")] == [1.0]


async def test_a_later_deadline_changes_nothing(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=1)
        queue.add("a", at=100)
        await asyncio.sleep(200)
    assert [round(at, 3) for at in desk.times("a")] == [1.0]


async def test_a_key_is_never_handled_twice_at_a_time(desk: Desk) -> None:
    desk.seconds["a"] = 10
    async with running(desk) as queue:
        for _ in range(30):
            queue.add("a", at=desk.now())
            await asyncio.sleep(1)
    assert desk.most == 1
    assert len(desk.order) == 3


async def test_a_key_added_while_it_is_handled_is_handled_once_more(desk: Desk) -> None:
    desk.seconds["a"] = 10
    async with running(desk) as queue:
        queue.add("a", at=0)
        for _ in range(5):
            await asyncio.sleep(1)
            queue.add("a", at=desk.now())
        await asyncio.sleep(60)
    assert [round(at, 3) for at in desk.times("a")] == [0.0, 10.0]


async def test_a_deadline_set_while_it_is_handled_is_kept(desk: Desk) -> None:
    desk.seconds["a"] = 10
    async with running(desk) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.add("a", at=50)
        await asyncio.sleep(100)
    assert [round(at, 3) for at in desk.times("a")] == [0.0, 50.0]


async def test_keys_of_one_lane_are_handled_a_few_at_a_time(desk: Desk) -> None:
    for number in range(12):
        desk.lanes[f"key-{number}"] = "lane"
        desk.seconds[f"key-{number}"] = 10
    async with running(desk, per_lane=5) as queue:
        for number in range(12):
            queue.add(f"key-{number}", at=0)
        await asyncio.sleep(100)
    assert desk.most == 5
    assert [round(at, 3) for at, _ in desk.started] == [0.0] * 5 + [10.0] * 5 + [20.0] * 2
    assert desk.order == [f"key-{number}" for number in range(12)]


class Leaver(Desk):
    """Handles keys in ten seconds, leaves their lane, and takes its time for the rest."""

    def __init__(self, *, rest: float) -> None:
        super().__init__()
        self.rest = rest
        self.queue: WorkQueue[str] | None = None

    async def handle(self, key: str) -> None:
        self.seconds[key] = 10
        await super().handle(key)
        assert self.queue is not None
        self.queue.release_slot(key)
        await asyncio.sleep(self.rest)


@pytest.mark.parametrize(
    ("rest", "begun"),
    [(5, [0, 0, 10, 10, 20, 20]), (30, [0, 0, 10, 10, 50, 50])],
    ids=["a key that has left its lane makes room", "where the rest takes long the lane waits"],
)
async def test_no_more_have_left_a_lane_than_have_places_in_it(rest: float, begun: list[float]) -> None:
    desk = Leaver(rest=rest)
    desk.lanes = {f"key-{number}": "lane" for number in range(6)}
    async with running(desk, per_lane=2) as queue:
        desk.queue = queue
        for key in desk.lanes:
            queue.add(key, at=0)
        await asyncio.sleep(100)
        assert queue.running() == 0
    assert [round(at, 3) for at, _ in desk.started] == begun
    assert desk.most == 2


async def test_a_key_that_has_left_its_lane_is_still_handled_serially() -> None:
    leaver = Leaver(rest=5)
    async with running(leaver) as queue:
        leaver.queue = queue
        queue.add("a", at=0)
        await asyncio.sleep(12)
        queue.add("a", at=0)
        await asyncio.sleep(100)
    assert [round(at, 3) for at in leaver.times("a")] == [0.0, 15.0]


async def test_a_full_lane_delays_no_other(desk: Desk) -> None:
    for number in range(100):
        desk.lanes[f"key-{number}"] = "tarpit"
        desk.seconds[f"key-{number}"] = 45
    async with running(desk, per_lane=5) as queue:
        for number in range(100):
            queue.add(f"key-{number}", at=0)
        await asyncio.sleep(1)
        queue.add("healthy", at=desk.now())
        await asyncio.sleep(0.001)
        assert desk.order[-1] == "healthy"


async def test_a_parked_key_that_moves_to_another_lane_starts_there(desk: Desk) -> None:
    desk.lanes = {"a": "tarpit", "b": "tarpit"}
    desk.seconds["a"] = 100
    async with running(desk, per_lane=1) as queue:
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(1)
        assert desk.order == ["a"]
        desk.lanes["b"] = "elsewhere"
        queue.add("b", at=desk.now())
        await asyncio.sleep(0.001)
        assert desk.order == ["a", "b"]
        await asyncio.sleep(200)
    assert desk.order == ["a", "b"]


async def test_a_parked_key_added_again_keeps_its_place(desk: Desk) -> None:
    desk.lanes = {"a": "lane", "b": "lane", "c": "lane"}
    desk.seconds["a"] = 10
    async with running(desk, per_lane=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
        queue.add("b", at=desk.now())
        await asyncio.sleep(30)
    assert desk.order == ["a", "b", "c"]


async def test_a_discarded_key_is_not_handled(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=5)
        queue.discard("a")
        await asyncio.sleep(10)
    assert desk.order == []


async def test_a_discarded_key_is_interrupted(desk: Desk) -> None:
    desk.seconds["a"] = 100
    async with running(desk) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        await asyncio.sleep(0.001)
        assert desk.under_way == []
        queue.add("a", at=desk.now())
        await asyncio.sleep(1)
    assert desk.order == ["a", "a"]


async def test_a_discarded_key_leaves_its_place_to_the_next(desk: Desk) -> None:
    desk.lanes = {"a": "lane", "b": "lane"}
    desk.seconds["a"] = 100
    async with running(desk, per_lane=1) as queue:
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        await asyncio.sleep(0.001)
    assert desk.order == ["a", "b"]


async def test_a_discarded_key_that_was_parked_is_not_handled(desk: Desk) -> None:
    desk.lanes = {"a": "lane", "b": "lane", "c": "lane"}
    desk.seconds["a"] = 10
    async with running(desk, per_lane=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
        queue.discard("b")
        await asyncio.sleep(30)
    assert desk.order == ["a", "c"]


async def test_a_key_discarded_and_added_at_once_is_handled_again(desk: Desk) -> None:
    desk.seconds["a"] = 10
    async with running(desk) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        queue.add("a", at=desk.now())
        await asyncio.sleep(30)
    assert [round(at, 3) for at in desk.times("a")] == [0.0, 1.0]


async def test_a_clock_set_forward_is_noticed_within_half_a_minute(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=3600)
        await asyncio.sleep(1)
        desk.wrong_by = 3600
        await asyncio.sleep(31)
        assert desk.order == ["a"]


async def test_a_clock_set_back_runs_nothing_early(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("a", at=60)
        await asyncio.sleep(30)
        desk.wrong_by = -30
        await asyncio.sleep(59)
        assert desk.order == []
        await asyncio.sleep(2)
        assert desk.order == ["a"]


async def test_an_idle_queue_sleeps(desk: Desk) -> None:
    calls = 0

    def now() -> float:
        nonlocal calls
        calls += 1
        return asyncio.get_running_loop().time()

    queue: WorkQueue[str] = WorkQueue(
        desk.handle,
        concurrency_key_of=str,
        namespace_of=lambda key: "",
        per_concurrency_key=1,
        now=now,
    )
    task = asyncio.create_task(queue.run())
    queue.add("a", at=100)
    await asyncio.sleep(90)
    assert calls < 20
    task.cancel()
    await asyncio.wait([task])


async def test_it_tells_for_how_long_the_oldest_waits(desk: Desk) -> None:
    desk.lanes = {"a": "lane", "b": "lane"}
    desk.seconds["a"] = 100
    async with running(desk, per_lane=1) as queue:
        assert queue.oldest_overdue() == 0
        queue.add("later", at=1000)
        assert queue.oldest_overdue() == 0
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(30)
        assert round(queue.oldest_overdue(), 3) == 30.0


async def test_the_end_interrupts_what_is_under_way_and_starts_nothing_parked(desk: Desk) -> None:
    desk.lanes = {"a": "lane", "b": "lane", "c": "lane"}
    desk.seconds["a"] = desk.seconds["b"] = 100
    async with running(desk, per_lane=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
    assert desk.under_way == []
    await asyncio.sleep(300)
    assert desk.order == ["a"]
    assert [task for task in asyncio.all_tasks() if "reconcile" in task.get_name()] == []


async def test_many_early_deadlines_leave_no_heap_behind(desk: Desk) -> None:
    async with running(desk) as queue:
        queue.add("other", at=200_000)
        for _ in range(5000):
            queue.add("a", at=desk.now() + 100_000)
            queue.add("a", at=desk.now())
            await asyncio.sleep(0.01)
        assert len(desk.started) == 5000
        assert len(queue._heap) < 3000
        await asyncio.sleep(200_000)
    assert desk.order[-1] == "other"
