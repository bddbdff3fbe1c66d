# SPDX-License-Identifier: Apache-2.0
"""Access tokens from a namespace with Secrets and ServiceAccounts, with a fake clock."""

import base64
from dataclasses import dataclass, field
from typing import Any

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.server_fields import OAuth2
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https
from smtp_operator.secrets.oauth2.client import ResolvedToken, TokenCache
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers.tokenserver import SCOPE, TokenServer
from smtp_testkit.mailpeers.trial import LOOPBACK, Names

CLIENT = "6731de76"
SECRET = "c4nary-Client-S3cret"
NAMESPACE = "team-a"
POLICY = DestinationPolicy(allow_networks=LOOPBACK, ports=[PortRange(1, 65535)])


@dataclass
class Accounts:
    """ServiceAccounts and their tokens, as a test sets them."""

    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    """Names of existing ServiceAccounts, and their annotations."""
    token: str = "a.b.c"
    """The issued token."""
    fails_with: Exception | None = None
    refuses_with: Exception | None = None
    opens: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """See ``ServiceAccounts``."""
        if self.fails_with is not None:
            raise self.fails_with
        if name not in self.annotations:
            raise ObjectNotFound(name)
        metadata = {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "annotations": self.annotations[name],
        }
        return {"kind": "ServiceAccount", "metadata": metadata}

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """See ``ServiceAccounts``."""
        self.asked.append((namespace, name, audience))
        if self.refuses_with is not None:
            raise self.refuses_with
        return self.token

    async def opens_api_server(self, token: str) -> bool:
        """See ``ServiceAccounts``."""
        assert token == self.token
        return self.opens


@dataclass
class TokenTrial:
    """A namespace and a token endpoint; ``token`` requests a token, as each test of an SmtpConfig does."""

    endpoint: TokenServer
    names: Names
    https: Https
    accounts: Accounts
    tokens: TokenCache
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    time: float = 1000.0
    """The clock of the token cache."""
    wall_clock: float = 1792567680.0
    """Seconds since the epoch: 2026-10-21 07:28:00 UTC."""

    def secret(self, name: str, data: dict[str, str], annotations: dict[str, str] | None = None) -> None:
        """Create or change the Secret."""
        version = int(self.secrets.get(name, {"version": 0})["version"]) + 1
        self.secrets[name] = {"version": version, "data": data, "annotations": annotations or {}}

    async def get(self, reference: Reference) -> JsonObject:
        """Return an object; implements ``GetObject``."""
        if reference.kind == "ConfigMap" and reference.name == "corp-ca":
            metadata = {"namespace": NAMESPACE, "name": "corp-ca", "uid": "ca", "resourceVersion": "1"}
            return {"kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": self.endpoint.ca_pem}}
        if reference.name not in self.secrets:
            raise ObjectNotFound(str(reference))
        found = self.secrets[reference.name]
        return {
            "kind": "Secret",
            "metadata": {
                "namespace": reference.namespace,
                "name": reference.name,
                "uid": f"uid-{reference.name}",
                "resourceVersion": str(found["version"]),
                "annotations": found["annotations"],
            },
            "data": {key: base64.b64encode(text.encode()).decode() for key, text in found["data"].items()},
        }

    def settings(self, **changes: Any) -> OAuth2:
        """Return the block of a client with a secret; ... omits a field."""
        fields = {
            "tokenUrl": self.endpoint.url(),
            "clientId": CLIENT,
            "scope": SCOPE,
            "clientSecretRef": {"name": "mail-app", "key": "client-secret"},
            "caRef": {"name": "corp-ca"},
        }
        given = {name: value for name, value in (fields | changes).items() if value is not ...}
        return OAuth2.model_validate(given)

    async def token(self, **changes: Any) -> ResolvedToken:
        """Return a token; every call counts as another test."""
        return await self.tokens.resolve(self.settings(**changes), NAMESPACE, SecretReader(self.get))

    async def verdict(self, **changes: Any) -> Verdict:
        """Return the verdict of a failed request."""
        try:
            await self.token(**changes)
        except VerdictError as error:
            return error.verdict
        raise AssertionError("there is a token")
