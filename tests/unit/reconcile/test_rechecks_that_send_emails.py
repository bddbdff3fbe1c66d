# SPDX-License-Identifier: Apache-2.0
"""``recheck.mode: SendEmail`` is run every 15 minutes at most, whatever ``recheck.interval`` says."""

import pytest

from smtp_testkit.simulation import World

MINUTE = 60


@pytest.mark.parametrize("interval", ["1m", "5m", "14m59s"])
async def test_a_short_interval_sends_four_emails_an_hour_at_most(world: World, interval: str) -> None:
    mail = await world.ready(recheck={"interval": interval, "mode": "SendEmail"})
    assert mail.next_test_in is not None
    assert 14 * MINUTE < mail.next_test_in <= 17 * MINUTE
    await world.passes(3600)

    assert 3 <= len(world.mails) <= 4
    assert mail.ready == "True"


async def test_a_long_interval_stays_as_it_is(world: World) -> None:
    mail = await world.ready(recheck={"interval": "2h", "mode": "SendEmail"})

    assert mail.next_test_in is not None
    assert mail.next_test_in > 119 * MINUTE


async def test_rechecks_that_name_recipients_of_mode_envelope_too(world: World) -> None:
    mail = await world.ready(test={"mode": "Envelope"}, recheck={"interval": "1m", "mode": "SendEmail"})
    await world.passes(3600)

    assert len(mail.runs) <= 4


async def test_rechecks_that_send_no_email_keep_their_interval(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m", "mode": "Login"})
    await world.passes(3600)

    assert len(mail.runs) > 50


async def test_editing_the_interval_makes_no_email_earlier(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m", "mode": "Login"})
    for number in range(10):
        mode = "SendEmail" if number % 2 else "Login"
        await world.passes(30)
        mail.edit(recheck={"interval": "1m", "mode": mode})
        await world.passes(30)

    assert world.mails == []
