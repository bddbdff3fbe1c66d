# SPDX-License-Identifier: Apache-2.0
"""An SmtpVault for an OpenBao server: read passwords and verdicts, with a fake clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from smtp_operator.api.fields import SecretKeyReference, ServiceAccountReference
from smtp_operator.api.password import HashiCorpVaultPassword
from smtp_operator.api.vault_blocks import HashiCorpVault
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https, HttpsRequest, HttpsResponse
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import NotAdmitted, ServerTrust
from smtp_operator.secrets.vaults.hashicorp.provider import HashiCorpKv
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

NAME = "SmtpVault team-a/bao"
POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])


@dataclass
class Named:
    """The credentials that the vault object refers to; see ``Credentials``."""

    secrets: dict[str, str] = field(default_factory=dict)
    """Values by ``name/key``."""
    certificates: dict[str, ClientCertificate] = field(default_factory=dict)
    token_for: Callable[[str], str] = lambda audience: "a.b.c"
    ca: str | None = None
    left_out: NotAdmitted | None = None
    """Whether the owner of the login forbids this CA."""
    fails_with: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Field and destination of each requested credential."""

    async def secret(self, named: SecretKeyReference, *, goes_to: str, field_path: str) -> str:
        """See ``Credentials``."""
        self._ask(field_path, goes_to)
        return self.secrets[f"{named.name}/{named.key}"]

    async def client_certificate(self, name: str, *, goes_to: str, field_path: str) -> ClientCertificate:
        """See ``Credentials``."""
        self._ask(field_path, goes_to)
        return self.certificates[name]

    async def service_account_token(
        self, named: ServiceAccountReference, *, goes_to: str, field_path: str
    ) -> str:
        """See ``Credentials``."""
        self._ask(field_path, goes_to)
        return self.token_for(named.audience)

    async def trust(self) -> ServerTrust:
        """See ``Credentials``."""
        if self.left_out is not None:
            return ServerTrust(not_admitted=self.left_out, absolute_name=True)
        return ServerTrust(ca_pem=self.ca)

    def _ask(self, field_path: str, goes_to: str) -> None:
        self.asked.append((field_path, goes_to))
        if self.fails_with is not None:
            raise self.fails_with


@dataclass
class RecordingHttps:
    """Sends requests and records them."""

    https: Https
    requests: list[HttpsRequest] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        """The method and path of each request."""
        return [f"{it.method} {urlsplit(it.url).path}" for it in self.requests]

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """See ``Sender``."""
        self.requests.append(request)
        return await self.https.send(request)


class BaoTrial:
    """A vault object; its fields can be changed before the first read."""

    def __init__(self, url: str, ca_pem: str) -> None:
        """Use the server at `url`, whose CA certificate is `ca_pem`."""
        self.names = Names()
        self.named = Named(ca=ca_pem)
        self.line = RecordingHttps(Https(policy=POLICY, resolver=self.names))
        self.time = 1000.0
        self.block: dict[str, Any] = {"url": url}
        self._vault: HashiCorpKv | None = None

    def log_in_by(self, **auth: Any) -> None:
        """Set `auth` of the block."""
        self.block["auth"] = auth
        self._vault = None

    @property
    def vault(self) -> HashiCorpKv:
        """The vault object in its current version."""
        if self._vault is None:
            context = VaultContext(
                name=NAME,
                credentials=self.named,
                https=self.line,
                monotonic=lambda: self.time,
                now=time.time,
            )
            self._vault = HashiCorpKv(HashiCorpVault.model_validate(self.block), context)
        return self._vault

    def change(self, **fields: Any) -> None:
        """Change the block, which clears all caches."""
        self.block |= fields
        self._vault = None

    async def read(self, path: str = "mail/smtp", **item: Any) -> VaultSecret:
        """Return the password that an SmtpConfig reads."""
        fields = {"vaultRef": {"name": "bao"}, "path": path, **item}
        return await self.vault.read(HashiCorpVaultPassword.model_validate(fields))

    async def verdict(self, path: str = "mail/smtp", **item: Any) -> Verdict:
        """Return the verdict of a failed read."""
        try:
            await self.read(path, **item)
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
        self.line.https.close()
