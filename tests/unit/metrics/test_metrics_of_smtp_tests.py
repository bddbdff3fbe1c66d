# SPDX-License-Identifier: Apache-2.0
"""SmtpTests are counted like other objects and tests; none of them has a series of its name."""

from collections.abc import Callable

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails
from smtp_testkit.simulation.smtp_tests import SmtpTest
from smtp_testkit.testbed.exposition import Exposition

pytestmark = pytest.mark.looptime(noop_cycles=0)

Scrape = Callable[[], Exposition]


async def test_tests_are_counted_as_requested(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.GREYLISTED))
    SmtpTest(world, "try-1").create()
    await world.passes(1)
    SmtpTest(world, "try-2").create()
    await world.passes(1)
    assert scrape().samples("smtp_operator_tests_total") == {
        ("SendEmail", "Greylisted", "failed", "Requested"): 1,
        ("SendEmail", "TestEmailSent", "passed", "Requested"): 1,
    }


async def test_they_are_counted_by_verdict_until_they_are_deleted(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.GREYLISTED))
    SmtpTest(world, "try-1").create(ttlAfterFinished="1m")
    await world.passes(1)
    SmtpTest(world, "try-2").create()
    await world.passes(1)
    objects = scrape().samples("smtp_operator_objects")
    assert objects == {("SmtpTest", "False"): 1, ("SmtpTest", "True"): 1}
    await world.passes(120)
    assert scrape().samples("smtp_operator_objects") == {("SmtpTest", "True"): 1}


async def test_a_failed_one_has_no_series_that_alerts(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.CONNECTION_REFUSED))
    SmtpTest(world).create()
    await world.passes(1)
    assert scrape().samples("smtp_operator_object_ready") == {}
    assert scrape().samples("smtp_operator_certificate_expiry_timestamp_seconds") == {}


async def test_one_that_a_limit_holds_back_is_counted(world: World, scrape: Scrape) -> None:
    for number in range(11):
        SmtpTest(world, f"try-{number}").create()
    await world.passes(5)
    assert scrape().samples("smtp_operator_held_tests_total")["TestsLimited",] == 1
