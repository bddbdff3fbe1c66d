# SPDX-License-Identifier: Apache-2.0
"""The engine receives the spec, the referenced values, and the operator's flags."""

from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.verdict import Mode, SmtpType
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.smtp.request import Recipient, SmtpLogin, TestRequest, TlsSettings
from smtp_testkit.simulation import World, passes

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


async def tested(world: World, **spec: Any) -> TestRequest:
    await world.start()
    world.put_secret(password="s3cret-1", username="mailer-2")
    world.put_config_map(data={"ca.crt": PEM})
    world.smtp_config().create(**spec)
    await world.passes(1)
    return world.runs[0].settings


async def test_a_short_spec(world: World) -> None:
    found = await tested(world)
    assert replace(found, body="", subject="", message_id="", headers=()) == TestRequest(
        server="smtp.example.com",
        port=587,
        smtp_type=SmtpType.START_TLS,
        sender="noreply@example.com",
        recipients=(Recipient(role="to", index=0, address="ops@example.com"),),
        mode=Mode.SEND_EMAIL,
        timeout=45.0,
        body="",
        subject="",
    )


async def test_a_login(world: World) -> None:
    found = await tested(world, username="mailer", password={"secretRef": {"name": "smtp-password"}})
    assert found.login == SmtpLogin(
        username="mailer", password="s3cret-1", origin="Secret smtp-password, key password"
    )


async def test_a_user_name_out_of_a_secret(world: World) -> None:
    found = await tested(
        world,
        usernameRef={"name": "smtp-password"},
        password={"secretRef": {"name": "smtp-password"}},
    )
    assert found.login is not None
    assert (found.login.username, found.login.username_origin) == (
        "mailer-2",
        "Secret smtp-password, key username",
    )
    assert "mailer-2" not in repr(found)


async def test_a_plaintext_password(world: World) -> None:
    found = await tested(world, username="mailer", password={"value": "s3cret-9"})
    assert found.login == SmtpLogin(username="mailer", password="s3cret-9", origin="spec.password.value")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"tls": {"caRef": {"name": "corp-ca"}}}, TlsSettings(ca_pem=PEM)),
        ({"tls": {"serverName": "mx.example.com"}}, TlsSettings(server_name="mx.example.com")),
        ({"tls": {"insecureSkipVerify": True}}, TlsSettings(verify=False)),
    ],
)
async def test_tls(world: World, spec: dict[str, Any], expected: TlsSettings) -> None:
    assert (await tested(world, **spec)).tls == expected


async def test_a_ca_out_of_a_secret(world: World) -> None:
    world.put_secret("ca", data={"ca.crt": PEM})
    found = await tested(world, tls={"caRef": {"kind": "Secret", "name": "ca"}})
    assert found.tls.ca_pem == PEM


async def test_mode_timeout_and_more(world: World) -> None:
    found = await tested(
        world,
        smtpType="TLS",
        port=465,
        test={"mode": "Envelope", "timeout": "2m"},
        allowInsecureAuth=True,
        heloName="mail.example.com",
    )
    assert (found.smtp_type, found.port) == (SmtpType.TLS, 465)
    assert (found.mode, found.timeout) == (Mode.ENVELOPE, 120.0)
    assert (found.allow_insecure_auth, found.helo_name) == (True, "mail.example.com")


@pytest.mark.parametrize(
    ("flag", "field", "expected"),
    [
        (None, None, None),
        ("flag.example.com", None, "flag.example.com"),
        ("flag.example.com", "field.example.com", "field.example.com"),
    ],
)
async def test_the_helo_name_of_the_spec_goes_before_that_of_the_flag(
    flag: str | None, field: str | None, expected: str | None
) -> None:
    world = World(replace(ReconcilePolicy(), helo_name=flag))
    assert (await tested(world, heloName=field)).helo_name == expected
    await world.stop()


async def test_a_password_is_held_no_longer_than_its_test(world: World) -> None:
    mail = await world.ready()
    world.runs.clear()
    assert "s3cret-1" not in repr(vars(world.operator))
    world.engine.script(passes(seconds=5))
    mail.request_test()
    await world.passes(20)
    assert "s3cret-1" not in repr(world.runs[0].settings)


@pytest.mark.parametrize(
    ("domains", "recipients", "allowed"),
    [
        ((), {"to": ["ops@example.com"]}, True),
        (("example.com",), {"to": ["ops@example.com"], "cc": ["x@EXAMPLE.com"]}, True),
        (("example.com",), {"to": ["ops@example.com"], "bcc": ["x@gmail.com"]}, False),
        (("example.com",), {"to": ["ops@sub.example.com"]}, False),
        (("example.com", "example.org"), {"to": ["ops@example.org"]}, True),
        (("example.org",), {}, False),
    ],
)
async def test_recipients_are_of_allowed_domains(
    domains: tuple[str, ...], recipients: dict[str, list[str]], allowed: bool
) -> None:
    world = World(replace(ReconcilePolicy(), recipient_domains=domains))
    await world.start()
    mail = world.smtp_config().create(recipients=recipients)
    await world.passes(1)
    assert (mail.ready == "True") is allowed
    assert len(world.runs) == allowed
    await world.stop()
    assert world.complaints() == []


async def test_a_domain_that_is_not_allowed_is_told_without_the_address() -> None:
    world = World(replace(ReconcilePolicy(), recipient_domains=("example.com", "example.org")))
    await world.start()
    mail = world.smtp_config().create(recipients={"bcc": ["audit@gmail.com"]})
    await world.passes(1)
    condition = mail.condition("Ready")
    assert condition is not None
    assert (condition.reason, condition.message) == (
        "RecipientNotAllowed",
        "A recipient's domain is not among the domains that this operator may send to: example.com,"
        " example.org. Set recipients to addresses in these domains, or ask a cluster admin to add the domain"
        " to --allow-recipient-domain.",
    )
    await world.stop()


async def test_a_defect_before_the_dialogue_is_a_verdict(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("s3cret-canary")

    monkeypatch.setattr("smtp_operator.reconcile.smtpconfig.test_runner.mail_of_test", broken)
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(1)
    condition = mail.condition("Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "InternalError")
    assert condition.message == (
        "The operator failed with an unexpected error before it connected; its log has the details."
        " No action needed; the operator retries automatically."
    )
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    assert "RuntimeError at " in caplog.text
    assert "s3cret-canary" not in caplog.text
