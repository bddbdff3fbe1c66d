# SPDX-License-Identifier: Apache-2.0
"""An alarm rings when the last limit that was set is over, whatever was set before; on a fake clock."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from smtp_operator.alarm import Alarm

pytestmark = pytest.mark.looptime


@dataclass
class CallRecorder:
    """Takes down when it rang, in seconds since the start."""

    rang: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        self.rang.append(asyncio.get_running_loop().time())


@pytest.fixture
async def timers(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.TimerHandle]:
    """Every timer of the loop that is made from now on."""
    loop = asyncio.get_running_loop()
    made: list[asyncio.TimerHandle] = []
    really = loop.call_at

    def call_at(when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        made.append(really(when, callback))
        return made[-1]

    monkeypatch.setattr(loop, "call_at", call_at)
    return made


async def test_it_rings_once_when_the_time_is_up() -> None:
    bell = CallRecorder()

    Alarm(bell).set(15)
    await asyncio.sleep(60)

    assert bell.rang == [15]


async def test_it_can_be_put_off() -> None:
    bell = CallRecorder()
    alarm = Alarm(bell)

    for _ in range(3):
        alarm.set(15)
        await asyncio.sleep(10)
    await asyncio.sleep(60)

    assert bell.rang == [35]


async def test_a_shorter_time_after_a_longer_one_is_kept() -> None:
    bell = CallRecorder()
    alarm = Alarm(bell)

    alarm.set(30)
    alarm.set(2)
    await asyncio.sleep(60)

    assert bell.rang == [2]


@pytest.mark.parametrize("end", [Alarm.off, Alarm.close])
async def test_it_does_not_ring_once_it_is_off(end: Callable[[Alarm], None]) -> None:
    bell = CallRecorder()
    alarm = Alarm(bell)

    alarm.set(15)
    end(alarm)
    await asyncio.sleep(60)

    assert bell.rang == []


async def test_it_can_be_set_again_after_it_rang_and_after_it_was_off() -> None:
    bell = CallRecorder()
    alarm = Alarm(bell)

    alarm.set(5)
    await asyncio.sleep(10)
    alarm.off()
    alarm.set(5)
    await asyncio.sleep(10)

    assert bell.rang == [5, 15]


async def test_one_timer_serves_many_waits(timers: list[asyncio.TimerHandle]) -> None:
    alarm = Alarm(CallRecorder())

    for _ in range(100):
        alarm.set(15)
        alarm.off()

    assert len(timers) == 1


async def test_a_closed_one_leaves_no_timer_behind(timers: list[asyncio.TimerHandle]) -> None:
    alarm = Alarm(CallRecorder())

    alarm.set(15)
    alarm.set(5)
    alarm.close()
    alarm.set(1)

    assert [timer.cancelled() for timer in timers] == [True, True]


async def test_a_closed_one_leaves_no_work_to_the_garbage_collector() -> None:
    class Owner:
        def __init__(self) -> None:
            self.alarm = Alarm(self.ring)

        def ring(self) -> None:
            pass

    owner = Owner()
    owner.alarm.set(15)
    seen = weakref.ref(owner)
    gc.disable()
    try:
        owner.alarm.close()
        del owner
        assert seen() is None
    finally:
        gc.enable()
