# SPDX-License-Identifier: Apache-2.0
"""The stand-ins for Key Vault and Entra ID are fit for Microsoft's own clients, as they come.

These are the synchronous ones, over requests and MSAL: other code than the operator uses. Theirs alone is
to be told where the stand-ins are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from smtp_testkit.azurepeers.keyvault import TENANT, KeyVaultServer
from smtp_testkit.azurepeers.metadata import MetadataServer
from smtp_testkit.azurepeers.trial import CLIENT, PASSWORD, SECRET
from smtp_testkit.mailpeers.tokenserver import TokenServer

ONCE: dict[str, Any] = {"retry_total": 0}


@pytest.fixture
def ca(entra: TokenServer, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_text(entra.ca_pem)
    return str(path)


def credential(entra: TokenServer, ca: str, secret: str = SECRET) -> ClientSecretCredential:
    return ClientSecretCredential(
        TENANT,
        CLIENT,
        secret,
        authority=f"https://localhost:{entra.port}",
        disable_instance_discovery=True,
        connection_verify=ca,
        **ONCE,
    )


@pytest.fixture
def client(entra: TokenServer, key_vault: KeyVaultServer, ca: str) -> Iterator[SecretClient]:
    with client_of(key_vault, credential(entra, ca), ca) as made:
        yield made


def client_of(
    key_vault: KeyVaultServer, who: ClientSecretCredential | ManagedIdentityCredential, ca: str
) -> SecretClient:
    return SecretClient(
        f"https://localhost:{key_vault.port}",
        who,
        connection_verify=ca,
        verify_challenge_resource=False,  # this machine has no DNS name below the challenge's domain
        **ONCE,
    )


def test_a_secret_is_written_and_read(client: SecretClient, key_vault: KeyVaultServer) -> None:
    written = client.set_secret("mail", "s3cret", content_type="text/plain")

    read = client.get_secret("mail")

    assert (read.value, read.name, read.properties.content_type) == ("s3cret", "mail", "text/plain")
    assert read.properties.version == written.properties.version == key_vault.secrets["mail"][0].version


def test_a_version_is_read(client: SecretClient, key_vault: KeyVaultServer) -> None:
    oldest = key_vault.secrets["smtp"][0].version
    client.set_secret("smtp", "rotated")

    assert client.get_secret("smtp", oldest).value == PASSWORD
    assert client.get_secret("smtp").value == "rotated"


def test_dates_are_read(client: SecretClient, key_vault: KeyVaultServer) -> None:
    key_vault.put("smtp", PASSWORD, expires=1800000000, begins=1700000000)

    properties = client.get_secret("smtp").properties

    assert properties.expires_on is not None
    assert properties.not_before is not None
    assert (properties.expires_on.timestamp(), properties.not_before.timestamp()) == (1800000000, 1700000000)


def test_a_secret_that_is_not_there(client: SecretClient) -> None:
    with pytest.raises(ResourceNotFoundError) as failed:
        client.get_secret("nothing")

    assert failed.value.error is not None
    assert failed.value.error.code == "SecretNotFound"


@pytest.mark.parametrize("code", ["ForbiddenByRbac", "AccessDenied", "ForbiddenByFirewall"])
def test_a_denial(client: SecretClient, key_vault: KeyVaultServer, code: str) -> None:
    key_vault.denies = code

    with pytest.raises(HttpResponseError) as failed:
        client.get_secret("smtp")

    assert failed.value.status_code == 403
    assert failed.value.error is not None
    assert failed.value.error.code == "Forbidden"
    assert failed.value.error.innererror == {"code": code}


def test_a_disabled_secret(client: SecretClient, key_vault: KeyVaultServer) -> None:
    key_vault.put("smtp", PASSWORD, enabled=False)

    with pytest.raises(HttpResponseError, match="disabled"):
        client.get_secret("smtp")


def test_the_challenge_comes_first(client: SecretClient, key_vault: KeyVaultServer) -> None:
    client.get_secret("smtp")

    assert [bool(token) for token in key_vault.tokens] == [False, True]


def test_a_wrong_client_secret(entra: TokenServer, key_vault: KeyVaultServer, ca: str) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        client_of(key_vault, credential(entra, ca, "wrong"), ca).get_secret("smtp")


def test_a_managed_identity(
    entra: TokenServer, key_vault: KeyVaultServer, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MetadataServer.running(entra, identities={"", CLIENT}) as machine:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{machine.port}")

        for who in (ManagedIdentityCredential(**ONCE), ManagedIdentityCredential(client_id=CLIENT, **ONCE)):
            assert client_of(key_vault, who, ca).get_secret("smtp").value == PASSWORD
