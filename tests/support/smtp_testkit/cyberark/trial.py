# SPDX-License-Identifier: Apache-2.0
"""Passwords read through one vault object, with a fake clock and the credentials of a test."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import trustme

from smtp_operator.api.fields import SecretKeyReference, ServiceAccountReference
from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.vaults.provider import VaultContext, VaultProvider, VaultSecret
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.cyberark.listener import TlsServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

NAME = "SmtpVault team-a/corp"
CANARY = "c4nary-Pa55w0rd"
POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])

S = TypeVar("S", bound=TlsServer)


@dataclass
class GivenCredentials:
    """The credentials that the vault object refers to; implements ``Credentials``."""

    ca: str | None = None
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)
    """Values by Secret and key."""
    certificates: dict[str, ClientCertificate] = field(default_factory=dict)
    token: str = "a.b.c"
    fails_with: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The destination of each credential, and the field that referred to it."""

    async def secret(self, named: SecretKeyReference, *, goes_to: str, field_path: str) -> str:
        """See ``Credentials``."""
        self._note(goes_to, field_path)
        return self.secrets[named.name, named.key]

    async def client_certificate(self, name: str, *, goes_to: str, field_path: str) -> ClientCertificate:
        """See ``Credentials``."""
        self._note(goes_to, field_path)
        return self.certificates[name]

    async def service_account_token(
        self, named: ServiceAccountReference, *, goes_to: str, field_path: str
    ) -> str:
        """See ``Credentials``."""
        self._note(goes_to, field_path)
        return self.token

    async def trust(self) -> ServerTrust:
        """See ``Credentials``."""
        return ServerTrust(ca_pem=self.ca)

    def _note(self, goes_to: str, field_path: str) -> None:
        self.asked.append((goes_to, field_path))
        if self.fails_with is not None:
            raise self.fails_with


@dataclass
class VaultTrial(Generic[S]):
    """A server and a vault object for it."""

    server: S
    make: Callable[[VaultContext, dict[str, Any]], VaultProvider]
    """Number of changes to the block of the vault object."""
    given: GivenCredentials = field(default_factory=GivenCredentials)
    names: Names = field(default_factory=Names)
    time: float = 1000.0

    def __post_init__(self) -> None:
        self.given.ca = self.server.ca_pem
        self.https = Https(policy=POLICY, resolver=self.names)
        self._vault: VaultProvider | None = None

    def vault(self, **changes: Any) -> VaultProvider:
        """Return the vault object, the same one for the whole test; with changes, a new one."""
        if self._vault is None or changes:
            context = VaultContext(
                name=NAME,
                credentials=self.given,
                https=self.https,
                monotonic=lambda: self.time,
                now=time.time,
            )
            self._vault = self.make(context, changes)
        return self._vault

    async def read(self, **item: str) -> VaultSecret:
        """Return the password that an SmtpConfig refers to by these fields."""
        named = CyberArkPassword.model_validate({"vaultRef": {"name": "corp"}, **item})
        return await self.vault().read(named)

    async def verdict(self, **item: str) -> Verdict:
        """Return the verdict of a failed read."""
        try:
            await self.read(**item)
        except VerdictError as error:
            return error.verdict
        raise AssertionError("the password was read")

    async def check(self) -> str | Verdict:
        """Return the result of a check of the vault object."""
        try:
            return await self.vault().check()
        except VerdictError as error:
            return error.verdict


def client_certificate(ca: trustme.CA) -> tuple[trustme.LeafCert, ClientCertificate]:
    """Return a client certificate of this CA."""
    leaf = ca.issue_cert("smtp-operator@example.com", common_name="smtp-operator")
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    return leaf, ClientCertificate.of(chain, leaf.private_key_pem.bytes())
