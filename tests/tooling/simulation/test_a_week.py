# SPDX-License-Identifier: Apache-2.0
"""The cost of a week of rechecks, rotations, outages, mistakes and restarts (also `make simulate`)."""

import pytest

from smtp_operator.reconcile import workqueue as deadlines
from smtp_testkit.simulation.__main__ import table
from smtp_testkit.simulation.week import Figure, Week

OBJECTS = 40


@pytest.mark.timeout(600)
@pytest.mark.looptime(noop_cycles=0)
async def test_a_week_keeps_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "LONGEST_SLEEP", float("inf"))  # no clock is set in it
    week = Week(objects=OBJECTS)

    figures = {figure.name: figure for figure in await week.live()}

    assert [figure for figure in figures.values() if not figure.holds] == []
    assert week.world.complaints() == []
    # As many as there was reason to send, not one more or less.
    assert figures["emails sent"].counted == figures["emails sent"].bound
    # Every object was looked at every six hours.
    assert figures["tests"].counted > OBJECTS * 20


def test_what_is_beyond_its_bound_is_marked() -> None:
    assert table([Figure("mails", 12, 10), Figure("logins at a server", 1_000, 2_000)]) == [
        "                      counted    at most",
        "mails                      12         10  BEYOND",
        "logins at a server      1,000      2,000",
    ]
