# SPDX-License-Identifier: Apache-2.0
"""SmtpTests of many namespaces do not delay SmtpConfigs, whatever their mail server is."""

import pytest

from smtp_testkit.simulation import World
from smtp_testkit.simulation.smtp_tests import SETTINGS, SmtpTest


async def p95_of_verdicts(*, smtp_tests: int, server: str = "smtp.example.com") -> float:
    """Return the 95th percentile of the seconds from creation to verdict of 100 SmtpConfigs."""
    world = World()
    await world.start()
    for number in range(smtp_tests):
        settings = {**SETTINGS, "server": server}
        SmtpTest(world, f"try-{number}", f"team-{number % 20}").create(settings=settings)
    created = {}
    for number in range(100):
        mail = world.smtp_config("mail", f"app-{number}").create()
        created[mail.key] = world.time()
        await world.passes(0.1)
    await world.passes(60)
    waited = []
    for write in world.writes:
        ready = [it for it in write.status.get("conditions", ()) if it["type"] == "Ready"]
        if write.key in created and ready[0]["status"] == "True":
            waited.append(write.at - created.pop(write.key))
    await world.stop()
    assert len(waited) == 100
    return sorted(waited)[94]


@pytest.mark.parametrize("server", ["smtp.example.com", "other.example.com"])
async def test_200_smtp_tests_over_20_namespaces_delay_no_smtp_config(server: str) -> None:
    alone = await p95_of_verdicts(smtp_tests=0)
    beside = await p95_of_verdicts(smtp_tests=200, server=server)
    assert beside <= 1.5 * alone, (alone, beside)


async def test_all_smtp_tests_still_get_their_verdict() -> None:
    world = World()
    await world.start()
    tests = [
        SmtpTest(world, f"try-{number}", f"team-{number % 20}").create(settings=SETTINGS)
        for number in range(200)
    ]
    await world.passes(60)
    assert {it.reason for it in tests} == {"TestEmailSent"}
    assert world.engine.most_at_once["smtp.example.com"] == 2
    await world.stop()
