# SPDX-License-Identifier: Apache-2.0
"""A SmtpTest tests its settings, or those of a SmtpConfig with other recipients or another mode."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World
from smtp_testkit.simulation.smtp_tests import SETTINGS, SmtpTest

CONFIG: dict[str, Any] = {"configRef": {"name": "corporate-mail"}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A world with the admission policies."""
    world = World(ReconcilePolicy(tests_smtp_configs=True))
    yield world
    await world.stop()
    assert world.complaints() == []


async def test_a_config_ref_tests_the_smtp_config_and_leaves_it_alone(world: World) -> None:
    mail = await world.ready(recipients={"to": ["ops@example.com"], "cc": ["team@example.com"]})
    before = mail.object_
    once = SmtpTest(world).create(**CONFIG)
    await world.passes(5)
    assert once.reason == "TestEmailSent"
    assert [it.to for it in world.mails] == [["ops@example.com", "team@example.com"]]
    assert mail.object_ == before


async def test_recipients_replace_to_cc_and_bcc_as_a_whole(world: World) -> None:
    await world.ready(
        recipients={"to": ["ops@example.com"], "cc": ["team@example.com"], "bcc": ["audit@example.com"]},
        preferredNotifications=["None"],
    )
    SmtpTest(world).create(**CONFIG, recipients={"to": ["me@example.com"], "cc": ["you@example.com"]})
    await world.passes(5)
    assert [it.to for it in world.mails] == [["me@example.com", "you@example.com"]]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("SendEmail", "TestEmailSent"), ("Envelope", "EnvelopeAccepted"), ("Connect", "Connected")],
)
async def test_mode_replaces_test_mode(world: World, mode: str, reason: str) -> None:
    await world.ready(test={"mode": "Login"})
    once = SmtpTest(world).create(**CONFIG, mode=mode)
    await world.passes(5)
    assert once.reason == reason


async def test_without_mode_the_mode_is_that_of_what_is_tested(world: World) -> None:
    await world.ready(test={"mode": "Login"})
    first = SmtpTest(world, "first").create(**CONFIG)
    second = SmtpTest(world, "second").create(settings={**SETTINGS, "test": {"mode": "Connect"}})
    await world.passes(5)
    assert (first.reason, second.reason) == ("LoginSucceeded", "Connected")
    assert world.mails == []


async def test_a_suspended_smtp_config_is_not_tested(world: World) -> None:
    mail = await world.ready()
    mail.edit(suspend=True)
    once = SmtpTest(world).create(**CONFIG)
    await world.passes(5)
    assert once.conditions == {
        "Ready": ("False", "Suspended"),
        "Failed": ("True", "Suspended"),
        "Stalled": ("True", "Suspended"),
    }
    assert once.message == (
        "SmtpConfig team-a/corporate-mail is suspended, so it is not tested. Set suspend: false there, then"
        " create another SmtpTest."
    )
    assert world.runs == []


async def test_a_missing_smtp_config_fails_at_once(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(**CONFIG)
    await world.passes(5)
    assert (once.reason, once.message) == (
        "SmtpConfigNotFound",
        "SmtpConfig team-a/corporate-mail does not exist (named by spec.configRef). Create it, then create"
        " another SmtpTest.",
    )
    world.smtp_config().create()
    await world.passes(60)
    assert once.reason == "SmtpConfigNotFound"


async def test_without_the_policies_a_config_ref_is_refused_and_settings_are_tested() -> None:
    world = World()
    await world.ready()
    refused = SmtpTest(world, "refused").create(**CONFIG)
    tested = SmtpTest(world, "tested").create()
    await world.passes(5)
    assert (refused.reason, tested.reason) == ("PoliciesMissing", "TestEmailSent")
    assert refused.message == (
        "This operator tests no configRef, because without the admission policies anyone who may create"
        " SmtpTests could use any SmtpConfig. Ask a cluster admin to install the policies and to set"
        " --smtp-tests, then create another SmtpTest."
    )
    assert len(world.runs) == 1
    await world.stop()
    assert world.complaints() == []


async def test_the_email_names_the_smtp_test(world: World) -> None:
    await world.start()
    SmtpTest(world).create()
    await world.passes(5)
    (mail,) = world.mails
    assert mail.settings.subject == "Test email: SmtpTest team-a/try-1"
    assert mail.settings.body == (
        "This email proves that these SMTP settings work.\n"
        "\n"
        "SmtpTest:   team-a/try-1\n"
        "Server:     smtp.example.com, port 587, smtpType StartTLS\n"
        "From:       noreply@example.com\n"
        "Tested:     because a user requested a test\n"
        "\n"
        "No action needed. A SmtpTest sends at most one email.\n"
        "If you did not expect it, ask the admins of namespace team-a.\n"
    )


async def test_two_smtp_tests_of_the_same_settings_send_different_emails(world: World) -> None:
    await world.start()
    SmtpTest(world, "try-1").create()
    SmtpTest(world, "try-2").create()
    await world.passes(5)
    assert len({it.message_id for it in world.mails}) == 2


async def test_an_invalid_spec_is_named(world: World) -> None:
    """The API server accepted it, because it has an older CRD."""
    await world.start()
    once = SmtpTest(world).create(checked=False, settings={**SETTINGS, "port": 0})
    await world.passes(5)
    assert once.reason == "InvalidSpec"
    assert "spec.settings.port" in once.message
