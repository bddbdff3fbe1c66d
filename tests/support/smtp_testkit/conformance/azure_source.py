# SPDX-License-Identifier: Apache-2.0
"""The Azure source, with our servers for Key Vault and Entra ID."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from azure.keyvault.secrets._shared import HttpChallengeCache

from smtp_operator.api.password import AzureKeyVaultPassword
from smtp_operator.api.vault_blocks import AzureKeyVault
from smtp_operator.cli.log_format import SILENT
from smtp_operator.secrets.vaults.azure.provider import KeyVault
from smtp_operator.secrets.vaults.provider import AllowedHosts, VaultContext, VaultProvider
from smtp_testkit.azurepeers.keyvault import TENANT, KeyVaultServer
from smtp_testkit.azurepeers.trial import CLIENT, SECRET
from smtp_testkit.conformance.source import Source, VaultSource
from smtp_testkit.mailpeers.tokenserver import TokenServer

_AUTHORITY = "login.microsoftonline.com"


class AzureKeyVaultSource(VaultSource):
    """A secret that a service principal may read; it logs in with its client secret."""

    column = "AzureKeyVault"
    unlike: ClassVar[Mapping[str, str]] = {}
    secrets = (SECRET,)

    def __init__(self, key_vault: KeyVaultServer) -> None:
        super().__init__(key_vault.url, key_vault.entra.ca_pem)
        self._key_vault = key_vault
        self.named.secrets["vault-app/client-secret"] = SECRET
        self.names.known |= {key_vault.host: ("127.0.0.1",), _AUTHORITY: ("127.0.0.1",)}

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator[Source]:
        """See ``Source``."""
        for name in SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        HttpChallengeCache.clear()  # it is per process, host and port, and ports are used again
        options: dict[str, Any] = {"secrets": {CLIENT: SECRET}, "tenant": TENANT, "scopes": set()}
        with (
            TokenServer.running(names=("login.microsoftonline.com",), **options) as entra,
            KeyVaultServer.running(entra, client=CLIENT) as key_vault,
        ):
            source = cls(key_vault)
            yield source
            source.line.https.close()

    def make(self, url: str, context: VaultContext) -> VaultProvider:
        """See ``VaultSource``."""
        principal = {
            "tenantId": TENANT,
            "clientId": CLIENT,
            "clientSecretRef": {"name": "vault-app", "key": "client-secret"},
        }
        block = {
            "vaultUrl": url,
            "authorityHost": f"https://{_AUTHORITY}:{self._key_vault.entra.port}",
            "auth": {"servicePrincipal": principal},
        }
        return KeyVault(AzureKeyVault.model_validate(block), context)

    @property
    def allowed_hosts(self) -> AllowedHosts:
        """See ``VaultSource``."""
        return AllowedHosts(key_vaults=frozenset({"localhost", "other.example"}))

    def item(self) -> object:
        """See ``VaultSource``."""
        return AzureKeyVaultPassword.model_validate({"vaultRef": {"name": "corp"}, "secretName": "smtp"})

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._key_vault.put("smtp", value)

    def remove(self) -> None:
        """See ``Source``."""
        self._key_vault.secrets.clear()

    def forbid(self) -> None:
        """See ``Source``."""
        self._key_vault.permitted = set()

    def spoil(self) -> None:
        """See ``Source``."""
        self._key_vault.entra.secrets[CLIENT] = "another"

    @property
    def logins(self) -> int:
        """See ``Source``."""
        return sum(call.startswith("POST") for call in self.line.calls)
