# SPDX-License-Identifier: Apache-2.0
"""SmtpConfigs with a password in Azure Key Vault, on the real API server, from vault object to email."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.azurepeers.keyvault import OBJECT, TENANT, KeyVaultServer
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.tokenserver import Federation, TokenServer
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.seen import ObservedObject
from smtp_testkit.testbed.told import told

CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary-Client-S3cret"
PASSWORD = "c4nary-Pa55w0rd"
ROTATED = "c4nary-R0tated"
AUDIENCE = "api://AzureADTokenExchange"
FLAGS = (
    *LOOPBACK,
    "--allow-vault-port=1-65535",
    "--allow-authority-host=localhost",
    "--allow-key-vault-host=127.0.0.1",
    "--log-level=debug",
)

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator that uses this machine as Azure."""
    with OperatorProcess(service_account, logs / "azure.log", FLAGS, metrics=True) as process:
        yield process.start()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer.in_thread(users={"mailer": PASSWORD}) as running:
        yield running


@pytest.fixture
def entra() -> Iterator[TokenServer]:
    with TokenServer.running(secrets={CLIENT: SECRET}, tenant=TENANT, scopes=set()) as running:
        yield running


@pytest.fixture
def key_vault(entra: TokenServer) -> Iterator[KeyVaultServer]:
    """A Key Vault with a host below the domain of the token, which clients verify.

    No name of this machine is below another one, but for clients 127.0.0.1 is below 0.0.1.
    """
    with KeyVaultServer.running(entra, name="127", domain="0.0.1", client=CLIENT) as running:
        running.put("smtp", PASSWORD)
        yield running


def vaults(bed: Bed) -> str:
    return f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}/smtpvaults"


def vault(bed: Bed, key_vault: KeyVaultServer, url: str = "", /, **auth: Any) -> None:
    """Create the SmtpVault corp-kv; `url` replaces its URL."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vault-ca"}}
    entra = key_vault.entra
    bed.api.apply(f"{bed.core('configmaps')}/vault-ca", {**body, "data": {"ca.crt": entra.ca_pem}})
    block = {
        "vaultUrl": url or key_vault.url,
        "authorityHost": f"https://localhost:{entra.port}",
        "auth": auth,
    }
    bed.api.create(
        vaults(bed),
        {
            "apiVersion": "smtp-operator.io/v1alpha1",
            "kind": "SmtpVault",
            "metadata": {"name": "corp-kv"},
            "spec": {"caRef": {"name": "vault-ca"}, "azureKeyVault": block, "allowedServers": ["*:*"]},
        },
    )


def principal(bed: Bed, key_vault: KeyVaultServer, url: str = "", /) -> None:
    """Create the SmtpVault with a service principal's client secret."""
    bed.secret("vault-app", **{"client-secret": SECRET})
    reference = {"name": "vault-app", "key": "client-secret"}
    identity = {"tenantId": TENANT, "clientId": CLIENT, "clientSecretRef": reference}
    vault(bed, key_vault, url, servicePrincipal=identity)


def verdict(bed: Bed, server: MailServer) -> ObservedObject:
    password = {"azureKeyVault": {"vaultRef": {"name": "corp-kv"}, "secretName": "smtp"}}
    return bed.verdict_of(server, "TLS", username="mailer", password=password, tls=bed.trust(server))


def reason_of_the_vault(bed: Bed, reason: str) -> str:
    """Wait until the vault object's Ready has this reason; return its message."""

    def ready(object_: dict[str, Any]) -> dict[str, Any]:
        conditions = object_.get("status", {}).get("conditions", [])
        return next((it for it in conditions if it["type"] == "Ready"), {})

    found = bed.api.wait(vaults(bed), "corp-kv", lambda it: ready(it).get("reason") == reason)
    return str(ready(found)["message"])


def test_a_service_principal_is_enough_for_a_mail(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    principal(bed, key_vault)

    seen = verdict(bed, server)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    version = key_vault.secrets["smtp"][0].version
    assert seen.status["password"] == {
        "source": "AzureKeyVault",
        "reference": "corp-kv/smtp",
        "version": version,
    }
    assert [mail.username for mail in server.mails] == ["mailer"]
    assert f"127.0.0.1:{key_vault.port} lets client {CLIENT} in." in reason_of_the_vault(
        bed, "VaultLoginSucceeded"
    )
    text = told(bed, audit, operator)
    assert [it for it in ("c4nary", *key_vault.entra.issued) if it in text] == []


def test_a_rotated_password_is_used_at_the_next_test(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer
) -> None:
    principal(bed, key_vault)
    verdict(bed, server)
    server.users["mailer"] = ROTATED
    newest = key_vault.put("smtp", ROTATED)

    seen = bed.test_again()

    assert seen.conditions["Ready"] == "TestEmailSent"
    assert seen.status["password"]["version"] == newest.version


def test_a_secret_that_expires_soon_is_used_and_warned_of(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer
) -> None:
    principal(bed, key_vault)
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
    key_vault.put("smtp", PASSWORD, expires=int(ends.timestamp()))

    seen = verdict(bed, server)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "VaultSecretExpiring"}
    assert seen.status["password"]["expires"] == f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    told = bed.wait_for_event("VaultSecretExpiring")
    assert (told["type"], told["action"]) == ("Warning", "ReadPassword")


def test_a_revoked_role_fails_the_smtpconfig(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    principal(bed, key_vault)
    verdict(bed, server)
    key_vault.permitted = set()

    seen = bed.test_again()

    assert (seen.ready.status, seen.reason) == ("False", "VaultAccessDenied")
    assert seen.message == (
        f"SmtpVault {bed.namespace}/corp-kv: 127.0.0.1:{key_vault.port} does not permit client {CLIENT}"
        f" (object ID {OBJECT}) to read secret smtp [HTTP status 403, error ForbiddenByRbac]. Assign it the"
        ' role "Key Vault Secrets User" on the vault or the secret. It takes effect within ten minutes.'
    )
    assert "c4nary" not in told(bed, audit, operator)


def test_a_wrong_client_secret_is_corrected_and_tested_at_once(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer
) -> None:
    principal(bed, key_vault)
    bed.secret("vault-app", **{"client-secret": "wrong"})
    seen = verdict(bed, server)
    assert seen.reason == "VaultAuthFailed"
    assert "AADSTS7000215" in reason_of_the_vault(bed, "VaultAuthFailed")

    bed.secret("vault-app", **{"client-secret": SECRET})

    bed.wait(lambda it: it.ready.status == "True")
    reason_of_the_vault(bed, "VaultLoginSucceeded")


@pytest.fixture
def federated(bed: Bed, key_vault: KeyVaultServer, operator_user: str) -> None:
    """Create a ServiceAccount that Entra ID trusts, and a vault object that refers to it."""
    annotations = {"smtp-operator.io/allowed-audiences": AUDIENCE}
    metadata = {"name": "smtp-vault", "annotations": annotations}
    bed.api.create(bed.core("serviceaccounts"), {"metadata": metadata})
    bed.permit_tokens("smtp-vault", to=operator_user)
    key_vault.entra.federations[CLIENT] = Federation(
        issuer=bed.api.get("/.well-known/openid-configuration")["issuer"],
        subject=f"system:serviceaccount:{bed.namespace}:smtp-vault",
        audience=AUDIENCE,
        keys=bed.api.get("/openid/v1/jwks"),
    )
    identity = {"tenantId": TENANT, "clientId": CLIENT, "serviceAccountRef": {"name": "smtp-vault"}}
    vault(bed, key_vault, workloadIdentity=identity)


@pytest.mark.usefixtures("federated")
def test_a_serviceaccounts_token_is_enough_for_a_secret_and_a_mail(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer, audit: AuditLog, operator: OperatorProcess
) -> None:
    seen = verdict(bed, server)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    assert "client_secret" not in key_vault.entra.forms[0]
    sent = [form["client_assertion"] for form in key_vault.entra.forms]
    text = told(bed, audit, operator)
    assert [it for it in ("c4nary", *sent, *key_vault.entra.issued) if it in text] == []


@pytest.mark.usefixtures("federated")
def test_entra_id_does_not_know_the_serviceaccount(
    bed: Bed, key_vault: KeyVaultServer, server: MailServer
) -> None:
    issuer = key_vault.entra.federations.pop(CLIENT).issuer

    seen = verdict(bed, server)

    assert seen.reason == "VaultAuthFailed"
    assert (
        f'no federated credential for subject "system:serviceaccount:{bed.namespace}:smtp-vault". Add one in'
        f' Entra ID with this subject, issuer "{issuer}" and audience "{AUDIENCE}".'
    ) in seen.message


def test_no_token_goes_to_another_host(bed: Bed, key_vault: KeyVaultServer, server: MailServer) -> None:
    principal(bed, key_vault, f"https://localhost:{key_vault.port}")

    seen = verdict(bed, server)

    assert seen.reason == "VaultURLNotAllowed"
    assert key_vault.requests == []
    assert key_vault.entra.forms == []
