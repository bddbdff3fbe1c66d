# SPDX-License-Identifier: Apache-2.0
"""A Key Vault with Azure's wire contract; for tests and for use by hand.

A request without a token gets a challenge that says where to get one. The statuses, codes and inner codes of
errors are those observed from Azure Key Vault.
"""

import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from smtp_testkit.azurepeers.listener import listening
from smtp_testkit.mailpeers.tokenserver import TokenServer

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
OBJECT = "9f0ac5b9-0dd1-4b61-8a31-3c4a55cc9b3e"
EGRESS = "20.50.1.2"

Answer = tuple[int, bytes, Mapping[str, str]]


_CALLER = f"appid={{client}};oid={OBJECT};iss=https://sts.windows.net/{TENANT}/"
_VAULT = "{vault};location=westeurope"
_REFUSALS = {
    "ForbiddenByRbac": "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny"
    " assignments or role definitions were changed recently, please observe propagation time.\r\nCaller:"
    f" {_CALLER}\r\nAction: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource:"
    " '/subscriptions/0/resourcegroups/rg/providers/microsoft.keyvault/vaults/{vault}/secrets/{name}'\r\n"
    f"Assignment: (not found)\r\nDecisionReason: 'DeniedWithNoValidRBAC'\r\nVault: {_VAULT}\r\n",
    "AccessDenied": f"The user, group or application '{_CALLER}' does not have secrets get permission on key"
    f" vault '{_VAULT}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=1",
    "ForbiddenByFirewall": "Client address is not authorized and caller is not a trusted service.\r\nClient"
    f" address: {EGRESS}\r\nCaller: {_CALLER}\r\nVault: {_VAULT}",
    "ForbiddenByConnection": "Public network access is disabled and request is not from a trusted service nor"
    f" via an approved private link.\r\nCaller: {_CALLER}\r\nVault: {_VAULT}",
}
"""Messages of Key Vault, by the code of innererror."""


@dataclass
class Version:
    """A version of a secret."""

    value: str = field(repr=False)
    version: str = field(default_factory=lambda: secrets.token_hex(16))
    enabled: bool = True
    expires: int | None = None
    """Seconds since the epoch, like ``begins``."""
    begins: int | None = None
    content_type: str | None = None
    managed: bool | None = None


class Denied(Exception):
    """An error as Key Vault writes it; ``inner`` is the code of its innererror."""

    def __init__(self, status: int, code: str, text: str, inner: str = "") -> None:
        super().__init__(text)
        self.status, self.code, self.inner = status, code, inner


@dataclass
class KeyVaultServer:
    """The vault; its attributes can be changed while it runs."""

    entra: TokenServer
    name: str = "corp"
    domain: str = "vault.azure.net"
    client: str = "6731de76"
    """The name that error messages show."""
    secrets: dict[str, list[Version]] = field(default_factory=dict)
    """Versions of each secret, the newest last."""
    denies: str = ""
    """Error of all requests: ForbiddenByRbac, AccessDenied, ForbiddenByFirewall or ForbiddenByConnection."""
    permitted: set[str] | None = None
    """Names of the secrets that roles permit to read; None: all."""
    tenant: str = ""
    """The tenant whose tokens it requires; empty: the tenant of ``entra``."""
    issuer_refused: bool = False
    resource: str = ""
    """The resource in its challenge; empty: its own domain."""
    claims_wanted: list[str] = field(default_factory=list)
    """Number of claims challenges (continuous access evaluation) still to send."""
    answers: list[Answer] = field(default_factory=list)
    """Responses to send instead of normal ones, one per request."""
    revoked: set[str] = field(default_factory=set)
    before_answer: Callable[[], object] = lambda: None
    """Called with each request."""

    requests: list[tuple[str, str]] = field(default_factory=list, init=False)
    """Method and target of each request, in order."""
    tokens: list[str] = field(default_factory=list, init=False)
    """The token of each request; empty: none."""
    headers: list[Mapping[str, str]] = field(default_factory=list, init=False)
    port: int = field(default=0, init=False)

    @classmethod
    @contextlib.contextmanager
    def running(cls, entra: TokenServer, **options: Any) -> Iterator["KeyVaultServer"]:
        """Start a server on a free port, with a certificate of the same CA as ``entra``."""
        server = cls(entra, **options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = (server.host, "localhost", "127.0.0.1")
        entra.ca.issue_cert(*names).configure_cert(context)
        with listening(server, context) as server.port:
            entra.scopes.add(f"{server.own_resource}/.default")
            yield server

    @property
    def host(self) -> str:
        """The host name, such as corp.vault.azure.net."""
        return f"{self.name}.{self.domain}"

    @property
    def url(self) -> str:
        """The value for vaultUrl."""
        return f"https://{self.host}:{self.port}"

    @property
    def own_resource(self) -> str:
        """The audience of its tokens. Azure's has no port, because vaults there use 443."""
        return f"https://{self.domain}:{self.port}"

    def put(self, name: str, value: str, **more: Any) -> Version:
        """Create a new version of a secret."""
        version = Version(value, **more)
        self.secrets.setdefault(name, []).append(version)
        return version

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See ``Answers``."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        self.requests.append((method, target))
        self.tokens.append(token)
        self.headers.append(headers)
        self.before_answer()
        if self.answers:
            return self.answers.pop(0)
        try:
            return 200, json.dumps(self._secret(method, target, token, body)).encode(), {}
        except Denied as denied:
            error: dict[str, Any] = {"code": denied.code, "message": str(denied)}
            if denied.inner:
                error["innererror"] = {"code": denied.inner}
            challenge = {"WWW-Authenticate": self._challenge(denied.inner)} if denied.status == 401 else {}
            if denied.inner == "claims":
                del error["innererror"]
            return denied.status, json.dumps({"error": error}).encode(), challenge

    def _challenge(self, inner: str) -> str:
        tenant = self.tenant or self.entra.tenant
        login = f'Bearer authorization="https://login.microsoftonline.com/{tenant}"'
        if inner == "claims":
            return f'{login}, error="insufficient_claims", claims="{self.claims_wanted.pop(0)}"'
        return f'{login}, resource="{self.resource or self.own_resource}"'

    def _secret(self, method: str, target: str, token: str, body: bytes) -> dict[str, Any]:
        path, query = urlsplit(target).path, urlsplit(target).query
        if "api-version=" not in query:
            raise Denied(400, "BadParameter", "api-version must be specified")
        if not token:
            raise Denied(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
        if token not in self.entra.issued or token in self.revoked:
            raise Denied(
                401, "Unauthorized", "AKV10046: Unable to resolve the key used for signature validation."
            )
        if self.issuer_refused:
            text = (
                f"AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{TENANT}/, found another."
            )
            raise Denied(401, "Unauthorized", text)
        if self.claims_wanted:
            raise Denied(
                401, "Unauthorized", "Continuous access evaluation resulted in a challenge.", "claims"
            )
        name, _, wanted = path.removeprefix("/secrets/").rstrip("/").partition("/")
        if not path.startswith("/secrets/") or not name:
            raise Denied(404, "NotFound", "Not found.")
        self._check_right(name)
        if method == "PUT":
            sent = json.loads(body)
            return self._body(name, self.put(name, sent["value"], content_type=sent.get("contentType")))
        versions = [it for it in self.secrets.get(name, []) if wanted in ("", it.version)]
        if not versions:
            text = (
                f"A secret with (name/id) {name}/{wanted} was not found in this key vault. If you recently"
                " deleted this secret you may be able to recover it using the correct recovery command."
            )
            raise Denied(404, "SecretNotFound", text)
        if not versions[-1].enabled:
            raise Denied(
                403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled"
            )
        return self._body(name, versions[-1])

    def _check_right(self, name: str) -> None:
        denies = self.denies
        if not denies and self.permitted is not None and name not in self.permitted:
            denies = "ForbiddenByRbac"
        if denies:
            text = _REFUSALS.get(denies, "No.")
            raise Denied(
                403, "Forbidden", text.format(vault=self.name, name=name, client=self.client), denies
            )

    def _body(self, name: str, version: Version) -> dict[str, Any]:
        now = int(time.time())
        attributes: dict[str, Any] = {
            "enabled": version.enabled,
            "created": now,
            "updated": now,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        }
        attributes |= {"exp": version.expires} if version.expires is not None else {}
        attributes |= {"nbf": version.begins} if version.begins is not None else {}
        body: dict[str, Any] = {
            "value": version.value,
            "id": f"https://{self.host}/secrets/{name}/{version.version}",
            "attributes": attributes,
            "tags": {},
        }
        body |= {"contentType": version.content_type} if version.content_type is not None else {}
        body |= (
            {"managed": version.managed, "kid": f"https://{self.host}/keys/{name}"} if version.managed else {}
        )
        return body
