# SPDX-License-Identifier: Apache-2.0
"""Each input type of Add Password leads to a green test and to the right manifest."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from smtp_testkit.azurepeers.keyvault import TENANT, KeyVaultServer
from smtp_testkit.browser import Visit
from smtp_testkit.cyberark.ccp import Account, Application, CcpServer, CertificateRequest, serial_number
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.tokenserver import SCOPE, TokenServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.vaults import vault, vaults

PASSWORD = "s3cret-Passw0rd"
CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary-Client-S3cret"


@pytest.fixture(scope="session")
def bao() -> Iterator[OpenBao]:
    """A vault of HashiCorp's protocol."""
    with OpenBao.start() as running:
        running.put("mail/smtp", password=PASSWORD)
        yield running


def fill_in(visit: Visit, relay: MailServer, input_type: str) -> None:
    """Fill in a form for the relay, up to the input type."""
    visit.new_form(Name="mail", SMTP_Server="localhost", SMTP_Port=relay.starttls_port)
    visit.fill(SMTP_UserName="mailer", From_Email="noreply@example.com")
    visit.press("Add Password")
    visit.fill(Input_type=input_type)


def finish(bed: Bed, visit: Visit) -> dict[str, Any]:
    """Test, submit and wait for the verdict; return the stored spec."""
    visit.test("green")
    visit.submit()
    assert bed.verdict().conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}
    spec: dict[str, Any] = bed.api.get(f"{bed.configs}/mail")["spec"]
    return spec


def create_vault(bed: Bed, ca_pem: str, **block: Any) -> None:
    """Create the SmtpVault corp, which trusts this CA, and wait until it is ready."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vault-ca"}}
    bed.api.apply(f"{bed.core('configmaps')}/vault-ca", {**body, "data": {"ca.crt": ca_pem}})
    spec = {"caRef": {"name": "vault-ca"}, "allowedServers": ["*:*"], **block}
    create_ready(
        bed,
        {
            "apiVersion": "smtp-operator.io/v1alpha1",
            "kind": "SmtpVault",
            "metadata": {"name": "corp"},
            "spec": spec,
        },
    )


def create_ready(bed: Bed, object_: dict[str, Any]) -> None:
    """Create a SmtpVault and wait until the operator has logged in to the vault."""

    def ready(found: Any) -> bool:
        conditions = found.get("status", {}).get("conditions", [])
        return any((it["type"], it["status"]) == ("Ready", "True") for it in conditions)

    bed.api.create(vaults(bed), object_)
    bed.api.wait(vaults(bed), object_["metadata"]["name"], ready)


def choose(visit: Visit, name: str) -> None:
    """Choose a vault object, which the list shows with its state."""
    value = visit.control("p-value")
    expect(value.locator("option", has_text=f"{name} (SmtpVault): Passed")).to_have_count(1)
    value.select_option(f"SmtpVault/{name}")


def test_input_text_becomes_a_secret(bed: Bed, relay: MailServer, visit: Visit) -> None:
    fill_in(visit, relay, "Input Text")
    visit.fill(SMTP_Server="127.0.0.1")
    visit.fill(Value=PASSWORD, Secret_name="smtp-login")
    expect(visit.page.get_by_label("Allow this mail server only")).to_be_checked()
    expect(visit.control("password-state")).to_have_text("Input Text: stored in a Secret on Submit")
    spec = finish(bed, visit)
    assert spec["password"] == {"secretRef": {"name": "smtp-login", "key": "password"}}
    secret = bed.api.get(f"{bed.core('secrets')}/smtp-login")["metadata"]
    assert secret["annotations"] == {"smtp-operator.io/allowed-servers": f"127.0.0.1:{relay.starttls_port}"}
    assert PASSWORD not in visit.page.content()


def test_the_internal_secret_manager_offers_the_secrets_and_their_keys(
    bed: Bed, relay: MailServer, visit: Visit
) -> None:
    bed.secret("mail-login", token=PASSWORD)
    fill_in(visit, relay, "Internal Secret manager")
    offered = visit.page.locator("#p-secrets option[value=mail-login]")
    expect(offered).to_have_text("token")
    visit.fill(Value="mail-login", Key="token")
    spec = finish(bed, visit)
    assert spec["password"] == {"secretRef": {"name": "mail-login", "key": "token"}}


def test_a_password_in_hashicorp_vault(bed: Bed, relay: MailServer, bao: OpenBao, visit: Visit) -> None:
    create_ready(bed, vault(bed, bao))
    fill_in(visit, relay, "HashiCorp Vault")
    choose(visit, "bao")
    visit.fill(Path="mail/smtp")
    spec = finish(bed, visit)
    assert spec["password"] == {
        "hashiCorpVault": {
            "vaultRef": {"kind": "SmtpVault", "name": "bao"},
            "path": "mail/smtp",
            "key": "password",
        }
    }


def test_a_password_in_cyberark(bed: Bed, relay: MailServer, visit: Visit) -> None:
    with CcpServer.running(asks=CertificateRequest.LATE) as ccp:
        leaf = ccp.client_ca.issue_cert("smtp-operator@example.com")
        pair = {"tls.crt": leaf.cert_chain_pems[0].bytes(), "tls.key": leaf.private_key_pem.bytes()}
        bed.secret("ccp-client", **pair)
        ccp.applications["smtp-operator"] = Application(
            safes=frozenset({"Mail"}), serial_numbers=frozenset({serial_number(leaf)})
        )
        ccp.accounts.append(Account(safe="Mail", object="smtp-relay", content=PASSWORD))
        block = {"url": ccp.url, "appId": "smtp-operator", "clientCertificateRef": {"name": "ccp-client"}}
        create_vault(bed, ccp.ca_pem, cyberArkCCP=block)
        fill_in(visit, relay, "CyberArk")
        choose(visit, "corp")
        visit.fill(Safe="Mail", Object="smtp-relay")
        spec = finish(bed, visit)
    assert spec["password"] == {
        "cyberArk": {
            "vaultRef": {"kind": "SmtpVault", "name": "corp"},
            "safe": "Mail",
            "object": "smtp-relay",
        }
    }


def test_a_password_in_azure_key_vault(bed: Bed, relay: MailServer, visit: Visit) -> None:
    with (
        TokenServer.running(secrets={CLIENT: SECRET}, tenant=TENANT, scopes=set()) as entra,
        # No name of this machine is below another one, but for clients 127.0.0.1 is below 0.0.1.
        KeyVaultServer.running(entra, name="127", domain="0.0.1", client=CLIENT) as key_vault,
    ):
        key_vault.put("smtp", PASSWORD)
        bed.secret("vault-app", **{"client-secret": SECRET})
        identity = {
            "tenantId": TENANT,
            "clientId": CLIENT,
            "clientSecretRef": {"name": "vault-app", "key": "client-secret"},
        }
        block = {
            "vaultUrl": key_vault.url,
            "authorityHost": f"https://localhost:{entra.port}",
            "auth": {"servicePrincipal": identity},
        }
        create_vault(bed, entra.ca_pem, azureKeyVault=block)
        fill_in(visit, relay, "Azure Key Vault")
        choose(visit, "corp")
        visit.fill(Secret_name="smtp")
        spec = finish(bed, visit)
    assert spec["password"] == {
        "azureKeyVault": {"vaultRef": {"kind": "SmtpVault", "name": "corp"}, "secretName": "smtp"}
    }


def test_an_access_token_of_oauth2(bed: Bed, relay: MailServer, endpoint: TokenServer, visit: Visit) -> None:
    bed.secret("mail-app", **{"client-secret": SECRET})
    fill_in(visit, relay, "OAuth2")
    visit.fill(Token_URL=endpoint.url(), Client_ID=CLIENT, Scope=SCOPE)
    visit.page.get_by_label("Client secret: Secret", exact=True).fill("mail-app")
    ca = {"kind": "Secret", "name": "token-ca", "key": "ca.pem"}
    bed.secret("token-ca", **{"ca.pem": endpoint.ca_pem})
    visit.page.get_by_label("Token URL: CA kind", exact=True).select_option("Secret")
    visit.page.get_by_label("Token URL: CA key", exact=True).fill("ca.pem")
    visit.page.get_by_label("Token URL: CA name", exact=True).fill(ca["name"])
    expect(visit.control("password-state")).to_contain_text("OAuth2")
    spec = finish(bed, visit)
    assert spec["oauth2"] == {
        "tokenUrl": endpoint.url(),
        "clientId": CLIENT,
        "scope": SCOPE,
        "clientSecretRef": {"name": "mail-app", "key": "client-secret"},
        "caRef": ca,
    }
    assert "password" not in spec
