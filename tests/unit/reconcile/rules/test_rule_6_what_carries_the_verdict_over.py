# SPDX-License-Identifier: Apache-2.0
"""Rule 6: a change of recheck, preferredNotifications, suspend or test.timeout alone carries the verdict
over: no test; except with password.value, where every new generation is tested.
"""

from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_testkit.simulation import World, fails

HOUR = 3600
CA = {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}

CARRIED_OVER = [
    pytest.param({"recheck": {"interval": "2h"}}, id="recheck.interval"),
    pytest.param({"recheck": {"interval": "0s"}}, id="recheck.interval: never"),
    pytest.param({"recheck": {"mode": "Connect"}}, id="recheck.mode"),
    pytest.param({"preferredNotifications": ["None"]}, id="preferredNotifications"),
    pytest.param({"preferredNotifications": []}, id="preferredNotifications: empty"),
    pytest.param({"suspend": True}, id="suspend"),
    pytest.param({"publish": {"secretName": "proven"}}, id="publish"),
    pytest.param({"test": {"timeout": "2m"}}, id="test.timeout"),
    pytest.param({"test": {"mode": "SendEmail", "timeout": "2m"}}, id="test.timeout beside test.mode"),
    pytest.param({"tls": {}}, id="an empty tls"),
    pytest.param({"recipients": {"to": ["ops@example.com"], "cc": []}}, id="an empty recipients.cc"),
    pytest.param({"smtpType": "StartTLS"}, id="a default written out"),
    pytest.param({"recheck": {"interval": "2h"}, "test": {"timeout": "2m"}, "suspend": True}, id="several"),
]

OAUTH2 = {
    "tokenUrl": "https://login.example.com/token",
    "clientId": "mailer",
    "clientSecretRef": {"name": "another", "key": "password"},
}

TESTED = [
    pytest.param({"server": "other.example.com"}, id="server"),
    pytest.param({"port": 2525}, id="port"),
    pytest.param({"smtpType": "TLS"}, id="smtpType"),
    pytest.param({"username": "another@example.com"}, id="username"),
    pytest.param({"username": None, "usernameRef": {"name": "smtp-user"}}, id="usernameRef"),
    pytest.param({"password": {"secretRef": {"name": "another"}}}, id="password.secretRef.name"),
    pytest.param({"password": {"secretRef": {"name": "smtp-password", "key": "pw"}}}, id="secretRef.key"),
    pytest.param({"password": {"value": "s3cret-9"}}, id="password.value"),
    pytest.param({"from": "Platform <noreply@example.com>"}, id="from"),
    pytest.param({"recipients": {"to": ["dev@example.com"]}}, id="recipients.to"),
    pytest.param({"recipients": {"to": ["ops@example.com"], "cc": ["dev@example.com"]}}, id="recipients.cc"),
    pytest.param({"recipients": {"to": ["ops@example.com"], "bcc": ["x@example.com"]}}, id="recipients.bcc"),
    pytest.param({"tls": {"caRef": {"name": "corp-ca"}}}, id="tls.caRef"),
    pytest.param({"tls": {"serverName": "mx.example.com"}}, id="tls.serverName"),
    pytest.param(
        {"tls": {"insecureSkipVerify": True}, "allowInsecureAuth": True}, id="tls.insecureSkipVerify"
    ),
    pytest.param({"heloName": "mail.example.com"}, id="heloName"),
    pytest.param({"authMechanism": "LOGIN"}, id="authMechanism"),
    pytest.param({"password": None, "oauth2": OAUTH2}, id="oauth2"),
    pytest.param({"test": {"mode": "Login"}}, id="test.mode"),
    pytest.param({"allowInsecureAuth": True}, id="allowInsecureAuth"),
    pytest.param({"port": 2525, "recheck": {"interval": "2h"}}, id="port and recheck"),
]


@pytest.mark.parametrize("change", CARRIED_OVER)
async def test_it_is_not_tested(world: World, change: dict[str, Any]) -> None:
    mail = await world.ready()
    before = mail.conditions
    mail.edit(**change)
    await world.passes(30)
    assert mail.runs == []
    assert {kind: it for kind, it in mail.conditions.items() if kind != "Published"} == before


@pytest.mark.parametrize("change", CARRIED_OVER)
async def test_the_verdict_speaks_of_the_new_generation(world: World, change: dict[str, Any]) -> None:
    mail = await world.ready()
    before = mail.generation
    mail.edit(**change)
    await world.passes(30)
    assert mail.judged
    assert {it.observed_generation for it in mail.status.conditions} == {mail.generation}
    assert len(mail.writes) == mail.generation - before


@pytest.mark.parametrize("change", CARRIED_OVER)
async def test_with_password_value_it_is_tested(world: World, change: dict[str, Any]) -> None:
    mail = await world.ready(password={"value": "s3cret-1"})
    before = mail.generation
    mail.edit(**change)
    await world.passes(30)
    if mail.generation == before:
        assert mail.runs == []  # the API server found no change in it
    elif mail.object_["spec"].get("suspend"):
        assert mail.conditions == {"Ready": ("Unknown", "Suspended")}
    else:
        assert (mail.trigger, mail.ready, len(mail.runs)) == ("SpecChanged", "True", 1)


@pytest.mark.parametrize("change", TESTED)
async def test_any_other_change_is_tested_at_once(world: World, change: dict[str, Any]) -> None:
    world.put_secret("smtp-user", username="mailer")
    world.put_secret("another", password="s3cret-2")
    world.put_config_map(data=CA)
    mail = await world.ready()
    world.put_secret(password="s3cret-1", pw="s3cret-3", manager="kubectl-edit")
    await world.passes(30)
    mail.edit(**change)
    await world.passes(1)
    assert (mail.trigger, mail.ready) == ("SpecChanged", "True")
    assert len(mail.runs) == 1


def test_each_field_stands_in_one_of_the_tables() -> None:
    fields = {field.alias or name for name, field in SmtpConfigSpec.model_fields.items()}
    changes = [it.values[0] for it in [*CARRIED_OVER, *TESTED]]
    elsewhere = {"delivery"}  # its tests are in ../smtpconfig/delivery/test_restarts.py
    assert fields - elsewhere == {name for change in changes if isinstance(change, dict) for name in change}


async def test_a_failed_verdict_is_carried_over_too(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.FROM_ADDRESS_REJECTED))
    mail = world.smtp_config().create()
    await world.passes(1)
    before = mail.conditions
    mail.edit(recheck={"interval": "2h"})
    await world.passes(30)
    assert len(mail.runs) == 1
    assert mail.conditions == before
    assert mail.judged


async def test_back_to_proven_settings_before_anything_was_tested_is_no_test(world: World) -> None:
    mail = await world.ready()
    await world.stop()
    mail.edit(port=465)
    mail.edit(port=587)
    await world.start()
    await world.passes(1)
    assert mail.runs == []
    assert (mail.ready, mail.judged) == ("True", True)


async def test_a_label_or_annotation_is_no_change(world: World) -> None:
    mail = await world.ready()
    mail.annotate(**{"argocd.argoproj.io/tracking-id": "x"})
    await world.passes(30)
    assert mail.runs == []
    assert mail.writes == []


async def test_a_shorter_interval_counts_from_the_last_test(world: World) -> None:
    mail = await world.ready()
    await world.passes(10 * 60)
    mail.edit(recheck={"interval": "15m"})
    await world.passes(1)
    assert mail.next_test_in is not None
    assert 4.5 * 60 <= mail.next_test_in <= 6.7 * 60


async def test_an_interval_that_is_over_already_rechecks_at_once(world: World) -> None:
    mail = await world.ready()
    await world.passes(30 * 60)
    mail.edit(recheck={"interval": "15m"})
    await world.passes(1)
    assert mail.trigger == "Recheck"


async def test_an_interval_of_zero_ends_the_rechecks(world: World) -> None:
    mail = await world.ready()
    mail.edit(recheck={"interval": "0s"})
    await world.passes(7 * 24 * HOUR)
    assert mail.runs == []
    assert mail.status.next_test_time is None


async def test_an_interval_after_zero_brings_them_back(world: World) -> None:
    mail = await world.ready(recheck={"interval": "0s"})
    await world.passes(2 * HOUR)
    assert mail.runs == []
    mail.edit(recheck={"interval": "1h"})
    await world.passes(1)
    assert mail.trigger == "Recheck"


async def test_an_interval_brings_a_failed_test_its_retry(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.TLS_EXPECTED_BY_SERVER))
    mail = world.smtp_config().create(recheck={"interval": "0s"})
    await world.passes(10)
    assert mail.status.next_test_time is None
    mail.edit(recheck={"interval": "1h"})
    await world.passes(1.1 * HOUR)
    assert (mail.trigger, mail.ready) == ("Retry", "True")
