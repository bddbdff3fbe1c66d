# SPDX-License-Identifier: Apache-2.0
"""A SmtpTest touches neither the published Secret nor the status of the SmtpConfig that it names."""

from dataclasses import replace

from smtp_testkit.simulation import World
from smtp_testkit.simulation.smtp_tests import SmtpTest


async def test_a_smtp_test_publishes_nothing(world: World) -> None:
    world.policy = replace(world.policy, tests_smtp_configs=True)
    mail = await world.ready(publish={"secretName": "proven"})
    before, secret = mail.status, world.published()
    made = SmtpTest(world).create(configRef={"name": "corporate-mail"})
    await world.passes(30)
    assert made.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "PasswordResolved": ("True", "PasswordRead"),
    }
    assert world.secret_writes == []
    assert (mail.status, world.published()) == (before, secret)
