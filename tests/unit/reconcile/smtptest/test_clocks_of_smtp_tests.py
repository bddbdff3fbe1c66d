# SPDX-License-Identifier: Apache-2.0
"""Wrong clocks delay neither the deletion of a SmtpTest nor its start for long."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.simulation import World
from smtp_testkit.simulation.smtp_tests import SmtpTest

HOUR = 3600.0


@pytest.fixture
async def wrong() -> AsyncIterator[World]:
    """A world whose clock is set, so that its times break the rules of statuses."""
    world = World()
    yield world
    await world.stop()


async def test_an_end_in_the_future_counts_from_now(wrong: World) -> None:
    """The operator's clock was a day fast, and has been corrected."""
    wrong.wrong_by = 24 * HOUR
    await wrong.start()
    once = SmtpTest(wrong).create(ttlAfterFinished="1h")
    await wrong.passes(60)
    wrong.wrong_by = 0.0
    await wrong.passes(2 * HOUR + 60)
    assert not once.exists


async def test_an_end_in_the_future_survives_a_restart(wrong: World) -> None:
    wrong.wrong_by = 24 * HOUR
    await wrong.start()
    once = SmtpTest(wrong).create(ttlAfterFinished="1h")
    await wrong.passes(60)
    await wrong.stop()
    wrong.wrong_by = 0.0
    await wrong.start()
    await wrong.passes(HOUR - 60)
    assert once.exists
    await wrong.passes(HOUR)
    assert not once.exists


async def test_a_clock_set_back_delays_no_waiting_test(wrong: World) -> None:
    await wrong.start()
    tests = [SmtpTest(wrong, f"try-{number:02}").create(mode="Connect") for number in range(15)]
    await wrong.passes(30)
    wrong.wrong_by = -24 * HOUR
    await wrong.passes(5 * 60)
    assert {it.reason for it in tests} == {"Connected"}


async def test_a_clock_set_forward_deletes_within_half_a_minute(wrong: World) -> None:
    await wrong.start()
    once = SmtpTest(wrong).create(ttlAfterFinished="1h")
    await wrong.passes(60)
    wrong.wrong_by = 2 * HOUR
    await wrong.passes(40)
    assert not once.exists
