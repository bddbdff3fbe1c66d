# SPDX-License-Identifier: Apache-2.0
"""Check the hosts of Azure's vaults and identity providers, which receive credentials and tokens.

A token for one Key Vault opens every vault that its bearer may read, and a client secret sent elsewhere is
lost. So both are sent only to Microsoft's hosts, unless the cluster admin allows others.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault
from smtp_operator.api.verdict import failed
from smtp_operator.secrets.vaults.provider import AllowedHosts

URL_FIELD: Final = "azureKeyVault.vaultUrl"
AUTHORITY_FIELD: Final = "azureKeyVault.authorityHost"


@dataclass(frozen=True, slots=True)
class Cloud:
    """An Azure cloud: the host of Entra ID, its aliases, and Key Vault's domain."""

    authority: str
    aliases: tuple[str, ...]
    domain: str


CLOUDS: Final = (
    Cloud("login.microsoftonline.com", ("login.windows.net",), "vault.azure.net"),
    Cloud("login.microsoftonline.us", (), "vault.usgovcloudapi.net"),
    Cloud("login.chinacloudapi.cn", ("login.partner.microsoftonline.cn",), "vault.azure.cn"),
)
_PRIVATE: Final = (".vaultcore.azure.net", ".vaultcore.usgovcloudapi.net", ".vaultcore.azure.cn")


def check_endpoints(block: AzureKeyVault | ClusterAzureKeyVault, allowed: AllowedHosts, vault: str) -> None:
    """Check that the hosts of vault and identity provider are allowed.

    Raises:
        VerdictError: one is not allowed; reason VaultURLNotAllowed.
    """
    home = _cloud_of_vault(block.vault_url, allowed, vault)
    authority = _host(block.authority_host)
    if urlsplit(block.authority_host).path not in ("", "/"):
        raise _refused(
            f"{vault}: {AUTHORITY_FIELD} must not have a path. Set {AUTHORITY_FIELD} to"
            f" https://{authority}, and tenantId to the tenant."
        )
    if authority in allowed.authorities:
        return
    cloud = next((it for it in CLOUDS if authority in (it.authority, *it.aliases)), None)
    if cloud is None:
        raise _refused(
            f'{vault}: {AUTHORITY_FIELD} leads to "{authority}", which is not a host of Entra ID, so the'
            " operator sends no credential there. Set azureKeyVault.authorityHost:"
            " https://login.microsoftonline.com, or ask the cluster admin to add this host to the"
            " operator's --allow-authority-host."
        )
    if home is not None and cloud is not home:
        raise _refused(
            f"{vault}: the vault in {home.domain} and the identity provider {authority} belong to different"
            f" clouds. Set {AUTHORITY_FIELD} to https://{home.authority}"
        )


def _cloud_of_vault(url: str, allowed: AllowedHosts, vault: str) -> Cloud | None:
    host = _host(url)
    if urlsplit(url).path not in ("", "/"):
        raise _refused(
            f"{vault}: {URL_FIELD} must not have a path. Set {URL_FIELD} to https://{host}, and"
            " password.azureKeyVault.secretName in the SmtpConfig to the name of the secret."
        )
    if host in allowed.key_vaults:
        return None
    name = host.partition(".")[0]
    for cloud in CLOUDS:
        if host == f"{name}.{cloud.domain}":
            return cloud
    if host.endswith(_PRIVATE):
        raise _refused(
            f'{vault}: {URL_FIELD} leads to "{host}", the name of a private endpoint, for which Entra ID'
            f" issues no tokens. Set azureKeyVault.vaultUrl: https://{name}.vault.azure.net and link the"
            " private DNS zone to the cluster's network."
        )
    raise _refused(
        f'{vault}: {URL_FIELD} leads to "{host}", which is not a host of Azure Key Vault, so the operator'
        " sends no token there. Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net, or ask the"
        " cluster admin to add this host to the operator's --allow-key-vault-host."
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removesuffix(".")


def _refused(message: str) -> Exception:
    return failed(Reason.VAULT_URL_NOT_ALLOWED, message)
