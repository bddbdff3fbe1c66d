# SPDX-License-Identifier: Apache-2.0
"""Test emails have the right recipients and text."""

from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.reconcile.smtpconfig.mail_text import recipients_of
from smtp_operator.reconcile.smtpconfig.notifications import bare_address
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import World

BODY = """\
This email proves that these SMTP settings work.

SmtpConfig: team-a/corporate-mail
Server:     smtp.example.com, port 587, smtpType StartTLS
From:       Platform Team <noreply@example.com>
Tested:     because the settings are new or have changed

No action needed. To stop these emails, ask the admins of namespace
team-a to remove your address from spec.recipients
or to change spec.preferredNotifications.
"""

BODY_OF_A_CLUSTER = """\
This email proves that these SMTP settings work.

SmtpConfig: team-a/corporate-mail
Cluster:    prod-1
Server:     smtp.example.com, port 587, smtpType StartTLS
From:       noreply@example.com
Tested:     because a user requested a test

No action needed. To stop these emails, ask the admins of namespace
team-a to remove your address from spec.recipients
or to change spec.preferredNotifications.
"""


def recipients(**spec: Any) -> list[str]:
    whole = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"} | spec
    found = recipients_of(SmtpConfigSpec.model_validate(whole), {Notification.TEST_EMAIL})
    return [f"{it.role}[{it.index}] {it.address}" for it in found]


async def sent(world: World, **spec: Any) -> TestRequest:
    await world.start()
    world.smtp_config().create(**spec)
    await world.passes(1)
    return world.mails[0].settings


def test_to_is_the_from_address_by_default() -> None:
    assert recipients() == ["to[0] noreply@example.com"]


def test_a_display_name_is_no_part_of_the_address() -> None:
    assert recipients(**{"from": "Platform Team <noreply@example.com>"}) == ["to[0] noreply@example.com"]


@pytest.mark.parametrize(
    ("from_", "address"),
    [
        ("noreply@example.com", "noreply@example.com"),
        ("Platform <noreply@example.com>", "noreply@example.com"),
        ("Platform<noreply@example.com>", "noreply@example.com"),
        ('"Platform <team>" <noreply@example.com>', "noreply@example.com"),
    ],
)
def test_the_bare_address_of_from(from_: str, address: str) -> None:
    assert bare_address(from_) == address


EVERYBODY = {"to": ["ops@example.com"], "cc": ["team@example.com"], "bcc": ["audit@example.com"]}


def test_everybody_hears_of_test_mails_by_default() -> None:
    assert recipients(recipients=EVERYBODY) == [
        "to[0] ops@example.com",
        "cc[0] team@example.com",
        "bcc[0] audit@example.com",
    ]


@pytest.mark.parametrize("chosen", [[], ["None"]])
def test_cc_and_bcc_hear_of_nothing_where_nothing_was_chosen(chosen: list[str]) -> None:
    found = recipients(recipients=EVERYBODY, preferredNotifications=chosen)
    assert found == ["to[0] ops@example.com"]


@pytest.mark.parametrize("chosen", [[], ["None"]])
def test_somebody_always_gets_the_mail(chosen: list[str]) -> None:
    cc_alone = {"cc": ["team@example.com"]}
    found = recipients(recipients=cc_alone, preferredNotifications=chosen)
    assert found == ["to[0] noreply@example.com"]


def test_an_address_that_stands_twice_gets_one_mail_in_its_first_role() -> None:
    twice = {
        "to": ["ops@example.com"],
        "cc": ["OPS@example.com", "team@example.com"],
        "bcc": ["team@EXAMPLE.com", "ops@example.com", "audit@example.com"],
    }
    assert recipients(recipients=twice) == [
        "to[0] ops@example.com",
        "cc[1] team@example.com",
        "bcc[2] audit@example.com",
    ]


def test_their_order_is_that_of_the_spec() -> None:
    many = {"to": [f"to-{number}@example.com" for number in range(10)]}
    assert recipients(recipients=many) == [f"to[{number}] to-{number}@example.com" for number in range(10)]


async def test_the_subject_names_the_object(world: World) -> None:
    assert (await sent(world)).subject == "Test email: SmtpConfig team-a/corporate-mail"


async def test_the_body_says_what_was_tested_and_why(world: World) -> None:
    mail = await sent(world, **{"from": "Platform Team <noreply@example.com>"})
    assert mail.body == BODY


async def test_subject_and_body_name_the_cluster_where_it_has_a_name() -> None:
    world = World(replace(ReconcilePolicy(), cluster_name="prod-1"))
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(20)
    mail.request_test()
    await world.passes(1)
    settings = world.mails[-1].settings
    assert settings.subject == "Test email: SmtpConfig team-a/corporate-mail in cluster prod-1"
    assert settings.body == BODY_OF_A_CLUSTER
    await world.stop()


async def test_each_trigger_is_told_in_words(world: World) -> None:
    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    world.put_config_map(data={"ca.crt": pem.format("1")})
    mail = await world.ready(recheck={"mode": "SendEmail"}, tls={"caRef": {"name": "corp-ca"}})
    await world.passes(1.2 * 3600)
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    world.put_config_map(data={"ca.crt": pem.format("2")})
    await world.passes(60)
    mail.request_test()
    await world.passes(60)
    mail.edit(port=465)
    await world.passes(60)
    lines = [line for it in world.mails for line in it.settings.body.splitlines()]
    assert [line for line in lines if line.startswith("Tested:")] == [
        "Tested:     because the settings are tested regularly",
        "Tested:     because the password or its Secret has changed",
        "Tested:     because an object that the settings reference has changed",
        "Tested:     because a user requested a test",
        "Tested:     because the settings are new or have changed",
    ]
    assert mail.triggers == [
        Trigger.RECHECK,
        Trigger.PASSWORD_CHANGED,
        Trigger.DEPENDENCY_CHANGED,
        Trigger.REQUESTED,
        Trigger.SPEC_CHANGED,
    ]


async def test_it_is_marked_as_ours(world: World) -> None:
    assert (await sent(world)).headers == (("X-Smtp-Operator", "team-a/corporate-mail"),)


async def test_a_bcc_address_stands_in_the_envelope_alone(world: World) -> None:
    mail = await sent(world, recipients=EVERYBODY)
    assert "audit@example.com" in [it.address for it in mail.recipients]
    shown = (mail.subject, mail.body, mail.headers, mail.message_id)
    assert "audit@example.com" not in str(shown)
