# SPDX-License-Identifier: Apache-2.0
"""The binding of a password decides which CAs a test trusts and how it resolves the server."""

from typing import Any

import pytest
import trustme

from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.simulation import World, fails
from smtp_testkit.simulation.world import SmtpConfig

MINE, OTHER = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
HERE = "smtp.example.com:587"
TOKEN_URL = "login.example.com:443"
SERVERS, ALLOWED_CA = "smtp-operator.io/allowed-servers", "smtp-operator.io/allowed-ca"
AUDIENCES = "smtp-operator.io/allowed-audiences"
AUDIENCE = "api://AzureADTokenExchange"
CA_REF: dict[str, Any] = {"tls": {"caRef": {"name": "corp-ca"}}}
BY_ACCOUNT: dict[str, Any] = {
    "tokenUrl": f"https://{TOKEN_URL}/token",
    "clientId": "app",
    "serviceAccountRef": {"name": "mailer", "audience": AUDIENCE},
}


async def settings_of(world: World, **spec: Any) -> TestRequest:
    """Return the request with which the test of a SmtpConfig runs."""
    world.put_config_map(data={"ca.crt": MINE})
    await world.start()
    mail = world.smtp_config().create_with_login(**(CA_REF | spec))
    await world.passes(1)
    assert mail.ready == "True", mail.status
    return mail.runs[0].settings


def is_bound(settings: TestRequest, owner: str) -> None:
    """Check that the CA of the ConfigMap is left out, and the name looked up as it is."""
    assert settings.tls.ca_pem is None
    assert settings.tls.not_admitted is not None
    assert settings.tls.not_admitted.owner == owner
    assert settings.tls.not_admitted.fingerprints == (fingerprint(MINE),)
    assert settings.absolute_name


async def test_a_password_of_a_bound_secret(world: World) -> None:
    world.put_secret(password="s3cret-1", annotations={SERVERS: HERE})
    is_bound(await settings_of(world), "Secret team-a/smtp-password")


async def test_a_username_of_a_bound_secret(world: World) -> None:
    world.put_secret(password="s3cret-1")
    world.put_secret("user", username="mailer", annotations={SERVERS: HERE})
    found = await settings_of(world, username=None, usernameRef={"name": "user"})
    is_bound(found, "Secret team-a/user")


async def test_a_token_by_a_bound_service_account(world: World) -> None:
    world.put_service_account(allowed_audiences=AUDIENCE, allowed_servers=f"{HERE}, {TOKEN_URL}")
    found = await settings_of(world, password=None, oauth2=BY_ACCOUNT, authMechanism="XOAUTH2")
    is_bound(found, "ServiceAccount team-a/mailer")


async def test_a_password_of_a_vault_with_allowed_servers(world: World) -> None:
    bao = world.vault().create(allowedServers=[HERE])
    is_bound(await settings_of(world, password=bao.password()), "SmtpVault team-a/bao")


async def test_a_password_of_a_vault_of_the_cluster(world: World) -> None:
    corp = world.cluster_vault().create(allowedServers=[HERE])
    is_bound(await settings_of(world, password=corp.password()), "ClusterSmtpVault corp")


async def test_a_password_that_was_read_by_a_bound_login(world: World) -> None:
    bao = world.vault().create(allowedServers=["*:*"])
    world.put_secret("bao-login", token="root", annotations={SERVERS: f"{HERE}, bao.example.com:443"})
    is_bound(await settings_of(world, password=bao.password()), "Secret team-a/bao-login")


async def test_the_bound_login_of_an_earlier_test_counts_too(world: World) -> None:
    bao = world.vault().create(allowedServers=["*:*"])
    world.put_secret("bao-login", token="root", annotations={SERVERS: f"{HERE}, bao.example.com:443"})
    await settings_of(world, password=bao.password())
    other = world.smtp_config("other").create_with_login(**CA_REF, password=bao.password())
    await world.passes(1)
    is_bound(other.runs[0].settings, "Secret team-a/bao-login")


@pytest.mark.parametrize("annotations", [{}, {SERVERS: "*:*"}, {ALLOWED_CA: "0" * 64}])
async def test_a_password_that_is_bound_to_no_server(world: World, annotations: dict[str, str]) -> None:
    world.put_secret(password="s3cret-1", annotations=annotations)
    found = await settings_of(world)
    assert (found.tls.ca_pem, found.tls.not_admitted, found.absolute_name) == (MINE, None, False)


async def test_an_admitted_ca(world: World) -> None:
    world.put_secret(password="s3cret-1", annotations={SERVERS: HERE, ALLOWED_CA: fingerprint(MINE)})
    found = await settings_of(world)
    assert (found.tls.ca_pem, found.tls.not_admitted, found.absolute_name) == (MINE, None, True)


# What status says, and what starts the next test.


async def refused(world: World) -> SmtpConfig:
    """A SmtpConfig whose server only an unadmitted CA verifies."""
    world.put_secret(password="s3cret-1", annotations={SERVERS: HERE})
    world.put_config_map(data={"ca.crt": MINE})
    world.engine.script(fails(Reason.CA_NOT_ALLOWED))
    await world.start()
    mail = world.smtp_config().create_with_login(**CA_REF)
    await world.passes(1)
    return mail


async def test_a_ca_that_is_not_admitted_waits_for_a_change(world: World) -> None:
    mail = await refused(world)
    assert mail.conditions == {
        "Ready": ("False", "CaNotAllowed"),
        "Failed": ("True", "CaNotAllowed"),
        "Stalled": ("True", "CaNotAllowed"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


async def test_its_consent_is_tested_at_once(world: World) -> None:
    mail = await refused(world)
    world.annotate_secret(**{ALLOWED_CA: fingerprint(MINE)})
    await world.passes(1)
    assert mail.ready == "True"


# tls.serverName: any server has a certificate for some name.


@pytest.mark.parametrize(
    ("servers", "allowed"), [(HERE, False), (f"{HERE}, mx.example.com:587", True), ("*:*", True)]
)
@pytest.mark.parametrize("where", ["Secret", "SmtpVault", "ClusterSmtpVault"])
async def test_the_name_of_the_certificate_is_one_that_the_password_is_bound_to(
    world: World, where: str, servers: str, allowed: bool
) -> None:
    spec: dict[str, Any] = {"tls": {"serverName": "mx.example.com"}}
    if where == "Secret":
        world.put_secret(password="s3cret-1", annotations={SERVERS: servers})
    else:
        vault = world.vault() if where == "SmtpVault" else world.cluster_vault()
        spec["password"] = vault.create(allowedServers=servers.split(", ")).password()
    await world.start()
    mail = world.smtp_config().create_with_login(**spec)
    await world.passes(1)
    assert mail.reason == ("TestEmailSent" if allowed else "ServerNotAllowed")
    assert bool(world.logins) == allowed
    if not allowed:
        ready = mail.condition("Ready")
        assert ready is not None
        assert "mx.example.com:587" in ready.message
        assert "remove tls.serverName, whose certificate any server could show." in ready.message
