# SPDX-License-Identifier: Apache-2.0
"""The operator's clock may be wrong, and be set right at any time."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.simulation import World, passes

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
async def wrong() -> AsyncIterator[World]:
    """Times of such an operator may well lie in the future, so that the lint has no say here."""
    world = World()
    yield world
    await world.stop()
    assert world.engine.overlaps == []


async def test_a_clock_set_forward_runs_what_is_due_within_half_a_minute(wrong: World) -> None:
    mail = await wrong.ready()
    wrong.wrong_by = 2 * HOUR
    await wrong.passes(31)
    assert mail.trigger == "Recheck"


async def test_a_clock_set_back_delays_no_change(wrong: World) -> None:
    mail = await wrong.ready()
    wrong.wrong_by = -2 * HOUR
    mail.edit(port=465)
    await wrong.passes(1)
    assert mail.judged


async def test_a_clock_set_back_delays_no_request(wrong: World) -> None:
    mail = await wrong.ready()
    wrong.wrong_by = -2 * HOUR
    mail.request_test("now")
    await wrong.passes(1)
    assert mail.status.last_handled_test_request == "now"


async def test_a_clock_set_back_forgets_the_burst(wrong: World) -> None:
    mail = await wrong.ready()
    await wrong.passes(60)
    for port in (1, 2, 3):
        mail.edit(port=port)
        await wrong.passes(1)
    wrong.wrong_by = -2 * HOUR
    mail.edit(port=4)
    await wrong.passes(1)
    assert mail.judged


async def test_a_clock_set_back_amid_a_test_costs_nothing(wrong: World) -> None:
    await wrong.start()
    wrong.engine.script(passes(seconds=20))
    mail = wrong.smtp_config().create()
    await wrong.passes(10)
    wrong.wrong_by = -2 * HOUR
    await wrong.passes(20)
    assert (mail.ready, len(mail.runs)) == ("True", 1)


async def test_a_time_years_ahead_is_not_waited_for(wrong: World) -> None:
    """A clock that ran wrong for an hour wrote it."""
    wrong.wrong_by = 365 * DAY
    mail = await wrong.ready()
    wrong.wrong_by = 0.0
    await wrong.restart()
    await wrong.passes(2 * HOUR)
    assert mail.trigger == "Recheck"
    assert mail.next_test_in is not None
    assert mail.next_test_in < 1.1 * HOUR


async def test_a_test_in_the_future_delays_no_request(wrong: World) -> None:
    wrong.wrong_by = DAY
    mail = await wrong.ready()
    wrong.wrong_by = 0.0
    await wrong.restart()
    mail.request_test("now")
    await wrong.passes(1)
    assert mail.status.last_handled_test_request == "now"
