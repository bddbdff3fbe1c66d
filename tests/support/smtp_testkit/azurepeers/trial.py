# SPDX-License-Identifier: Apache-2.0
"""A vault object for a Key Vault, Entra ID and a metadata service on loopback, under Azure's host names."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from smtp_operator.api.password import AzureKeyVaultPassword
from smtp_operator.api.vault_blocks import AzureKeyVault, ClusterAzureKeyVault
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsLimits
from smtp_operator.secrets.vaults.azure.imds import MetadataService
from smtp_operator.secrets.vaults.azure.provider import KeyVault
from smtp_operator.secrets.vaults.provider import AllowedHosts, VaultContext, VaultSecret
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.azurepeers.keyvault import KeyVaultServer
from smtp_testkit.azurepeers.metadata import MetadataServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names
from smtp_testkit.openbao.trial import Named

NAME = "SmtpVault team-a/corp-kv"
CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary-Client-S3cret"
PASSWORD = "c4nary-Pa55word"
POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])


def unsigned(**claims: str) -> str:
    """Return a JWT with these claims and an invalid signature."""
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "1"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(it).decode().rstrip("=") for it in parts), "c4nary"])


class KeyVaultTrial:
    """An SmtpVault whose client may read ``smtp``; each test changes only what it tests."""

    def __init__(self, key_vault: KeyVaultServer, machine: MetadataServer) -> None:
        self.key_vault, self.machine, self.entra = key_vault, machine, key_vault.entra
        self.authority = "login.microsoftonline.com"
        self.names = Names({key_vault.host: ("127.0.0.1",), self.authority: ("127.0.0.1",)})
        self.named = Named({"vault-app/client-secret": SECRET}, ca=key_vault.entra.ca_pem)
        self.https = Https(policy=POLICY, resolver=self.names, limits=HttpsLimits(connect=20.0))
        self.metadata_port = machine.port
        self.allowed = AllowedHosts()
        self.time = 1000.0
        """Seconds of the monotonic clock."""
        self.now: Callable[[], float] = time.time
        self.kind: type[AzureKeyVault | ClusterAzureKeyVault] = AzureKeyVault
        self.block: dict[str, Any] = {
            "vaultUrl": key_vault.url,
            "authorityHost": f"https://{self.authority}:{self.entra.port}",
            "auth": {"servicePrincipal": self.principal()},
        }
        self._vault: KeyVault | None = None

    def principal(self, **changes: Any) -> dict[str, Any]:
        """Log in as the service principal with its secret; ... omits a field."""
        fields = {
            "tenantId": self.entra.tenant,
            "clientId": CLIENT,
            "clientSecretRef": {"name": "vault-app", "key": "client-secret"},
        }
        return {name: value for name, value in (fields | changes).items() if value is not ...}

    def use_workload_identity(self, **changes: Any) -> None:
        """Log in with the token of ServiceAccount mailer."""
        identity = {
            "tenantId": self.entra.tenant,
            "clientId": CLIENT,
            "serviceAccountRef": {"name": "mailer"},
        }
        self.change(auth={"workloadIdentity": identity | changes})

    def use_managed_identity(self, **identity: Any) -> None:
        """Log in as the machine, which only a ClusterSmtpVault can."""
        self.kind = ClusterAzureKeyVault
        self.change(auth={"managedIdentity": identity})

    def change(self, **fields: Any) -> None:
        """Change the vault object, which gets a new version."""
        self.block |= fields
        self._vault = None

    @property
    def vault(self) -> KeyVault:
        """The vault object in its current version."""
        if self._vault is None:
            context = VaultContext(
                name=NAME,
                credentials=self.named,
                https=self.https,
                monotonic=lambda: self.time,
                now=self._seconds,
                allowed_hosts=self.allowed,
            )
            metadata = MetadataService(address="127.0.0.1", port=self.metadata_port)
            self._vault = KeyVault(self.kind.model_validate(self.block), context, metadata=metadata)
        return self._vault

    def _seconds(self) -> float:
        return self.now()

    async def read(self, secret: str = "smtp", **item: Any) -> VaultSecret:
        """Return the password that an SmtpConfig reads."""
        fields = {"vaultRef": {"name": "corp-kv"}, "secretName": secret, **item}
        return await self.vault.read(AzureKeyVaultPassword.model_validate(fields))

    async def verdict(self, secret: str = "smtp", **item: Any) -> Verdict:
        """Return the verdict of a failed read."""
        try:
            await self.read(secret, **item)
        except VerdictError as error:
            return error.verdict
        raise AssertionError("it was read")

    async def check_verdict(self) -> Verdict:
        """Return the verdict of a failed check of the vault object."""
        try:
            await self.vault.check()
        except VerdictError as error:
            return error.verdict
        raise AssertionError("it logged in")

    def close(self) -> None:
        """Close the connections."""
        self.https.close()
