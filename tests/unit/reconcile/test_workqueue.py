# SPDX-License-Identifier: Apache-2.0
"""The work queue: each key serially, a few keys of one concurrency key at a time, and never late."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smtp_operator.reconcile.workqueue import WorkQueue
from smtp_testkit.simulation.queue_handler import RecordingHandler, running

Handle = Callable[[str], Awaitable[None]]


@pytest.fixture
def handler() -> RecordingHandler:
    return RecordingHandler()


async def test_a_key_is_handled_when_it_is_due(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=handler.now() + 7)
        await asyncio.sleep(20)
    assert [round(at, 3) for at in handler.times("a")] == [7.0]


async def test_a_key_that_is_overdue_is_handled_at_once(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        await asyncio.sleep(10)
        queue.add("a", at=3)
        await asyncio.sleep(0.001)
        assert handler.order == ["a"]


async def test_keys_are_handled_in_the_order_of_their_deadlines(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        for at, key in ((3, "c"), (1, "a"), (2, "b")):
            queue.add(key, at=at)
        await asyncio.sleep(5)
    assert handler.order == ["a", "b", "c"]


async def test_a_key_added_twice_is_handled_once(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=1)
        queue.add("a", at=1)
        queue.add("a", at=2)
        await asyncio.sleep(5)
    assert handler.order == ["a"]


async def test_the_earlier_deadline_wins(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=100)
        queue.add("a", at=1)
        await asyncio.sleep(200)
    assert [round(at, 3) for at in handler.times("a")] == [1.0]


async def test_a_later_deadline_changes_nothing(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=1)
        queue.add("a", at=100)
        await asyncio.sleep(200)
    assert [round(at, 3) for at in handler.times("a")] == [1.0]


async def test_a_key_is_never_handled_twice_at_a_time(handler: RecordingHandler) -> None:
    handler.seconds["a"] = 10
    async with running(handler) as queue:
        for _ in range(30):
            queue.add("a", at=handler.now())
            await asyncio.sleep(1)
    assert handler.most == 1
    assert len(handler.order) == 3


async def test_a_key_added_while_it_is_handled_is_handled_once_more(handler: RecordingHandler) -> None:
    handler.seconds["a"] = 10
    async with running(handler) as queue:
        queue.add("a", at=0)
        for _ in range(5):
            await asyncio.sleep(1)
            queue.add("a", at=handler.now())
        await asyncio.sleep(60)
    assert [round(at, 3) for at in handler.times("a")] == [0.0, 10.0]


async def test_a_deadline_set_while_it_is_handled_is_kept(handler: RecordingHandler) -> None:
    handler.seconds["a"] = 10
    async with running(handler) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.add("a", at=50)
        await asyncio.sleep(100)
    assert [round(at, 3) for at in handler.times("a")] == [0.0, 50.0]


async def test_keys_of_one_concurrency_key_are_handled_a_few_at_a_time(handler: RecordingHandler) -> None:
    for number in range(12):
        handler.concurrency_keys[f"key-{number}"] = "server"
        handler.seconds[f"key-{number}"] = 10
    async with running(handler, per_concurrency_key=5) as queue:
        for number in range(12):
            queue.add(f"key-{number}", at=0)
        await asyncio.sleep(100)
    assert handler.most == 5
    assert [round(at, 3) for at, _ in handler.started] == [0.0] * 5 + [10.0] * 5 + [20.0] * 2
    assert handler.order == [f"key-{number}" for number in range(12)]


class SlotReleasingHandler(RecordingHandler):
    """Handles each key for ten seconds, releases its slot, and takes ``rest`` seconds more."""

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
    ids=["a released slot is granted to the next key", "a long rest delays the next keys"],
)
async def test_as_many_keys_without_a_slot_are_handled_as_with_one(rest: float, begun: list[float]) -> None:
    handler = SlotReleasingHandler(rest=rest)
    handler.concurrency_keys = {f"key-{number}": "server" for number in range(6)}
    async with running(handler, per_concurrency_key=2) as queue:
        handler.queue = queue
        for key in handler.concurrency_keys:
            queue.add(key, at=0)
        await asyncio.sleep(100)
        assert queue.running() == 0
    assert [round(at, 3) for at, _ in handler.started] == begun
    assert handler.most == 2


async def test_a_key_that_has_released_its_slot_is_still_handled_serially() -> None:
    handler = SlotReleasingHandler(rest=5)
    async with running(handler) as queue:
        handler.queue = queue
        queue.add("a", at=0)
        await asyncio.sleep(12)
        queue.add("a", at=0)
        await asyncio.sleep(100)
    assert [round(at, 3) for at in handler.times("a")] == [0.0, 15.0]


async def test_a_busy_server_delays_no_other(handler: RecordingHandler) -> None:
    for number in range(100):
        handler.concurrency_keys[f"key-{number}"] = "tarpit"
        handler.seconds[f"key-{number}"] = 45
    async with running(handler, per_concurrency_key=5) as queue:
        for number in range(100):
            queue.add(f"key-{number}", at=0)
        await asyncio.sleep(1)
        queue.add("healthy", at=handler.now())
        await asyncio.sleep(0.001)
        assert handler.order[-1] == "healthy"


async def test_a_blocked_key_with_a_new_concurrency_key_starts(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"a": "tarpit", "b": "tarpit"}
    handler.seconds["a"] = 100
    async with running(handler, per_concurrency_key=1) as queue:
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(1)
        assert handler.order == ["a"]
        handler.concurrency_keys["b"] = "elsewhere"
        queue.add("b", at=handler.now())
        await asyncio.sleep(0.001)
        assert handler.order == ["a", "b"]
        await asyncio.sleep(200)
    assert handler.order == ["a", "b"]


async def test_a_blocked_key_that_is_added_again_keeps_its_place(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"a": "server", "b": "server", "c": "server"}
    handler.seconds["a"] = 10
    async with running(handler, per_concurrency_key=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
        queue.add("b", at=handler.now())
        await asyncio.sleep(30)
    assert handler.order == ["a", "b", "c"]


async def test_a_discarded_key_is_not_handled(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=5)
        queue.discard("a")
        await asyncio.sleep(10)
    assert handler.order == []


async def test_a_discarded_key_is_interrupted(handler: RecordingHandler) -> None:
    handler.seconds["a"] = 100
    async with running(handler) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        await asyncio.sleep(0.001)
        assert handler.running_keys == []
        queue.add("a", at=handler.now())
        await asyncio.sleep(1)
    assert handler.order == ["a", "a"]


async def test_a_discarded_key_leaves_its_place_to_the_next(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"a": "server", "b": "server"}
    handler.seconds["a"] = 100
    async with running(handler, per_concurrency_key=1) as queue:
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        await asyncio.sleep(0.001)
    assert handler.order == ["a", "b"]


async def test_a_discarded_key_that_was_blocked_is_not_handled(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"a": "server", "b": "server", "c": "server"}
    handler.seconds["a"] = 10
    async with running(handler, per_concurrency_key=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
        queue.discard("b")
        await asyncio.sleep(30)
    assert handler.order == ["a", "c"]


async def test_a_key_discarded_and_added_at_once_is_handled_again(handler: RecordingHandler) -> None:
    handler.seconds["a"] = 10
    async with running(handler) as queue:
        queue.add("a", at=0)
        await asyncio.sleep(1)
        queue.discard("a")
        queue.add("a", at=handler.now())
        await asyncio.sleep(30)
    assert [round(at, 3) for at in handler.times("a")] == [0.0, 1.0]


async def test_a_clock_set_forward_is_noticed_within_half_a_minute(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=3600)
        await asyncio.sleep(1)
        handler.wrong_by = 3600
        await asyncio.sleep(31)
        assert handler.order == ["a"]


async def test_a_clock_set_back_runs_nothing_early(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("a", at=60)
        await asyncio.sleep(30)
        handler.wrong_by = -30
        await asyncio.sleep(59)
        assert handler.order == []
        await asyncio.sleep(2)
        assert handler.order == ["a"]


async def test_an_idle_queue_sleeps(handler: RecordingHandler) -> None:
    calls = 0

    def now() -> float:
        nonlocal calls
        calls += 1
        return asyncio.get_running_loop().time()

    queue: WorkQueue[str] = WorkQueue(
        handler.handle,
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


async def test_the_wait_of_the_oldest_key_is_reported(handler: RecordingHandler) -> None:
    handler.concurrency_keys = {"a": "server", "b": "server"}
    handler.seconds["a"] = 100
    async with running(handler, per_concurrency_key=1) as queue:
        assert queue.oldest_overdue() == 0
        queue.add("later", at=1000)
        assert queue.oldest_overdue() == 0
        queue.add("a", at=0)
        queue.add("b", at=0)
        await asyncio.sleep(30)
        assert round(queue.oldest_overdue(), 3) == 30.0


async def test_cancelling_the_queue_cancels_running_keys_and_starts_none(
    handler: RecordingHandler,
) -> None:
    handler.concurrency_keys = {"a": "server", "b": "server", "c": "server"}
    handler.seconds["a"] = handler.seconds["b"] = 100
    async with running(handler, per_concurrency_key=1) as queue:
        for key in ("a", "b", "c"):
            queue.add(key, at=0)
        await asyncio.sleep(1)
    assert handler.running_keys == []
    await asyncio.sleep(300)
    assert handler.order == ["a"]
    assert [task for task in asyncio.all_tasks() if "reconcile" in task.get_name()] == []


async def test_many_early_deadlines_leave_no_heap_behind(handler: RecordingHandler) -> None:
    async with running(handler) as queue:
        queue.add("other", at=200_000)
        for _ in range(5000):
            queue.add("a", at=handler.now() + 100_000)
            queue.add("a", at=handler.now())
            await asyncio.sleep(0.01)
        assert len(handler.started) == 5000
        assert len(queue._heap) < 3000
        await asyncio.sleep(200_000)
    assert handler.order[-1] == "other"
