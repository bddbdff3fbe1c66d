# SPDX-License-Identifier: Apache-2.0
"""SmtpTests of many namespaces do not delay the verdicts of SmtpConfigs of another mail server."""

from smtp_testkit.simulation import World
from smtp_testkit.simulation.smtp_tests import SETTINGS, SmtpTest


async def p95_of_verdicts(*, smtp_tests: int) -> float:
    """Return the 95th percentile of the seconds from creation to verdict of 100 SmtpConfigs."""
    world = World()
    await world.start()
    for number in range(smtp_tests):
        settings = {**SETTINGS, "server": "other.example.com"}
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


async def test_200_smtp_tests_over_20_namespaces_delay_no_smtp_config_of_another_server() -> None:
    alone = await p95_of_verdicts(smtp_tests=0)
    beside = await p95_of_verdicts(smtp_tests=200)
    assert beside <= 1.5 * alone, (alone, beside)
