# SPDX-License-Identifier: Apache-2.0
"""A test repeated because the operator was killed between DATA and status sends the same Message-ID."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes


async def killed_after_data(world: World) -> None:
    """Restart after the server has received the email and before its reply arrives."""
    while not world.mails:
        await world.passes(0.01)
    await world.restart()
    await world.passes(5)


async def test_a_first_test_repeats_it(world: World) -> None:
    await world.start()
    world.engine.script(passes(seconds=3))
    mail = world.smtp_config().create()
    await killed_after_data(world)
    assert len(world.mails) == 2
    assert len({it.message_id for it in world.mails}) == 1
    assert mail.status.last_test is not None
    assert mail.status.last_test.message_id == world.mails[0].message_id


@pytest.mark.parametrize("seconds", [0.3, 3.0])
async def test_a_requested_test_repeats_it(world: World, seconds: float) -> None:
    mail = await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=seconds))
    mail.request_test()
    await killed_after_data(world)
    assert len(world.mails) == 2
    assert len({it.message_id for it in world.mails}) == 1


async def test_a_retry_repeats_it(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT), passes(seconds=3))
    world.smtp_config().create(recheck={"interval": "1m"})
    await killed_after_data(world)
    await world.passes(60)
    assert len(world.mails) == 2
    assert len({it.message_id for it in world.mails}) == 1


async def test_a_test_of_a_changed_password_repeats_it(world: World) -> None:
    await world.ready()
    await world.passes(60)
    world.engine.script(passes(seconds=3))
    world.put_secret(password="s3cret-2")
    await killed_after_data(world)
    assert len(world.mails) == 2
    assert len({it.message_id for it in world.mails}) == 1


async def test_no_two_other_tests_share_one(world: World) -> None:
    mail = await world.ready()
    other = world.smtp_config("other").create()
    for port in (465, 25, 2525):
        mail.edit(port=port)
        other.edit(port=port)
        await world.passes(60)
        mail.request_test(f"for {port}")
        await world.passes(60)
        mail.request_test(f"again for {port}")
        await world.passes(60)
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    mail.delete()
    mail.create_with_login()
    await world.passes(60)
    assert len(world.mails) == 14
    assert len({it.message_id for it in world.mails}) == 14


async def test_rechecks_do_not_share_one(world: World) -> None:
    await world.ready(recheck={"mode": "SendEmail"})
    await world.passes(86400)
    ids = {it.message_id for it in world.mails}
    assert len(ids) == len(world.mails) >= 20


@pytest.mark.parametrize(
    ("from_", "domain"),
    [
        ("noreply@example.com", "example.com"),
        ("Platform Team <noreply@example.com>", "example.com"),
        ("Post <post@müller.example>", "xn--mller-kva.example"),
        ("post@straße.example", "xn--strae-oqa.example"),
        ("post@" + "ü" * 64 + ".example", "invalid"),
    ],
)
async def test_its_domain_is_that_of_from(world: World, from_: str, domain: str) -> None:
    await world.start()
    spec: dict[str, Any] = {"from": from_}
    world.smtp_config().create(**spec)
    await world.passes(1)
    (message_id,) = {it.message_id for it in world.mails}
    assert message_id.endswith(f"@{domain}>")
    assert message_id.isascii()


async def test_it_stands_in_status_only_where_a_mail_was_meant(world: World) -> None:
    mail = await world.ready(test={"mode": "Login"})
    assert mail.status.last_test is not None
    assert mail.status.last_test.message_id is None
