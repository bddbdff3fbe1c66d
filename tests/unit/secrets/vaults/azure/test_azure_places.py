# SPDX-License-Identifier: Apache-2.0
"""Tokens and credentials go to Azure's own hosts alone, in each of its clouds, and to what an admin names."""

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.secrets.vaults.provider import AllowedHosts
from smtp_testkit.azurepeers.keyvault import KeyVaultServer
from smtp_testkit.azurepeers.metadata import MetadataServer
from smtp_testkit.azurepeers.trial import NAME, PASSWORD, KeyVaultTrial
from smtp_testkit.mailpeers.tokenserver import TokenServer

CLOUDS = {
    "login.microsoftonline.com": "vault.azure.net",
    "login.microsoftonline.us": "vault.usgovcloudapi.net",
    "login.chinacloudapi.cn": "vault.azure.cn",
}
NAME_IT = (
    "Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net, or ask the cluster admin to add this host to"
    " the operator's"
)


@pytest.mark.parametrize("authority", CLOUDS)
async def test_a_sovereign_cloud(entra: TokenServer, authority: str) -> None:
    with (
        KeyVaultServer.running(entra, domain=CLOUDS[authority]) as key_vault,
        MetadataServer.running(entra) as machine,
    ):
        trial = KeyVaultTrial(key_vault, machine)
        trial.names.known[authority] = ("127.0.0.1",)
        trial.change(authorityHost=f"https://{authority}:{entra.port}")
        key_vault.put("smtp", PASSWORD)

        assert (await trial.read()).value == PASSWORD
        assert entra.headers[0]["host"] == f"{authority}:{entra.port}"
        assert key_vault.headers[0]["host"] == f"{key_vault.host}:{key_vault.port}"
        trial.close()


async def refused(trial: KeyVaultTrial, **fields: str) -> str:
    """Return the message without the vault object; no request was sent."""
    trial.change(**fields)
    verdict = await trial.verdict()
    assert (verdict.reason, verdict.retry) == (Reason.VAULT_URL_NOT_ALLOWED, Retry.CONFIGURATION)
    assert trial.named.asked == []
    assert trial.names.asked == []
    return verdict.message.removeprefix(f"{NAME}: ")


@pytest.mark.parametrize(
    "host",
    [
        "vault.azure.net.evil.example",
        "evil-vault.azure.net",
        "vault.azure.net",
        "a.b.vault.azure.net",
        "corp.vault.azure.com",
        "localhost",
        "127.0.0.1",
        "[::1]",
    ],
)
async def test_no_host_of_key_vault(trial: KeyVaultTrial, host: str) -> None:
    bare = host.strip("[]")

    assert await refused(trial, vaultUrl=f"https://{host}") == (
        f'azureKeyVault.vaultUrl leads to "{bare}", which is not a host of Azure Key Vault, so the'
        f" operator sends no token there. {NAME_IT} --allow-key-vault-host."
    )


async def test_the_name_of_a_private_endpoint(trial: KeyVaultTrial) -> None:
    url = "https://corp.privatelink.vaultcore.azure.net"

    assert await refused(trial, vaultUrl=url) == (
        'azureKeyVault.vaultUrl leads to "corp.privatelink.vaultcore.azure.net", the name of a private'
        " endpoint, for which Entra ID issues no tokens. Set azureKeyVault.vaultUrl:"
        " https://corp.vault.azure.net and link the private DNS zone to the cluster's network."
    )


async def test_a_url_with_a_path(trial: KeyVaultTrial) -> None:
    url = "https://corp.vault.azure.net/secrets/smtp"

    assert await refused(trial, vaultUrl=url) == (
        "azureKeyVault.vaultUrl must not have a path. Set azureKeyVault.vaultUrl to"
        " https://corp.vault.azure.net, and password.azureKeyVault.secretName in the SmtpConfig to the"
        " name of the secret."
    )


@pytest.mark.parametrize("host", ["login.microsoftonline.com.evil.example", "evil.example", "localhost"])
async def test_no_host_of_entra_id(trial: KeyVaultTrial, host: str) -> None:
    assert await refused(trial, authorityHost=f"https://{host}") == (
        f'azureKeyVault.authorityHost leads to "{host}", which is not a host of Entra ID, so the operator'
        " sends no credential there. Set azureKeyVault.authorityHost: https://login.microsoftonline.com,"
        " or ask the cluster admin to add this host to the operator's --allow-authority-host."
    )


async def test_an_authority_with_a_tenant(trial: KeyVaultTrial) -> None:
    assert await refused(trial, authorityHost="https://login.microsoftonline.com/contoso") == (
        "azureKeyVault.authorityHost must not have a path. Set azureKeyVault.authorityHost to"
        " https://login.microsoftonline.com, and tenantId to the tenant."
    )


async def test_vault_and_identity_of_two_clouds(trial: KeyVaultTrial) -> None:
    assert await refused(trial, vaultUrl="https://corp.vault.azure.cn") == (
        "the vault in vault.azure.cn and the identity provider login.microsoftonline.com belong to"
        " different clouds. Set azureKeyVault.authorityHost to https://login.chinacloudapi.cn"
    )


@pytest.mark.parametrize("url", ["https://CORP.VAULT.AZURE.NET", "https://corp.vault.azure.net./"])
async def test_a_name_may_be_written_in_other_ways(trial: KeyVaultTrial, url: str) -> None:
    trial.names.unknown.update({"corp.vault.azure.net", "corp.vault.azure.net."})
    trial.change(vaultUrl=url)

    assert (await trial.verdict()).reason == Reason.VAULT_HOST_UNRESOLVED


async def test_hosts_that_an_admin_names(entra: TokenServer) -> None:
    with (
        KeyVaultServer.running(entra, domain="vault.local.azurestack.external") as key_vault,
        MetadataServer.running(entra) as machine,
    ):
        trial = KeyVaultTrial(key_vault, machine)
        key_vault.put("smtp", PASSWORD)
        trial.names.known["localhost"] = ("127.0.0.1",)
        trial.change(authorityHost=f"https://localhost:{entra.port}")
        trial.allowed = AllowedHosts(
            authorities=frozenset({"localhost"}), key_vaults=frozenset({key_vault.host})
        )

        assert (await trial.read()).value == PASSWORD
        trial.close()
