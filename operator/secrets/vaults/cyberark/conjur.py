# SPDX-License-Identifier: Apache-2.0
"""CyberArk Conjur, Secrets Manager self-hosted and SaaS: get a short-lived token, then ``GET /secrets/…``.

The token is cached for its stated lifetime, and dropped at the first 401.
"""

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote_plus, urlsplit

from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.vault_blocks import CyberArkConjur
from smtp_operator.api.verdict import cut
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.login_cache import CachedLogin, LoginCache
from smtp_operator.secrets.untrusted_json import json_object
from smtp_operator.secrets.vaults.cyberark.conjur_errors import (
    API_KEY,
    login_refused,
    read_refused,
    token_refused,
)
from smtp_operator.secrets.vaults.https_client import VaultHttps
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.request_context import RequestContext, TokenClaims
from smtp_operator.secrets.vaults.values import vault_secret

_DEFAULT_LIFETIME: Final = 300.0
"""Seconds that a token without a stated lifetime is used; Conjur's default is 480."""
_EARLY: Final = 300.0
"""Seconds before its expiry when a token is no longer used; at most a quarter of its lifetime."""

_FIELD: Final = "cyberArkConjur"
_TOKEN_PARTS: Final = ("protected", "payload", "signature")


@dataclass(frozen=True, slots=True)
class _LoginRequest:
    """The request of a login."""

    segments: tuple[str, ...]
    """Path segments below the URL."""
    body: bytes = field(repr=False)


class CyberArkConjurVault:
    """See ``VaultProvider``."""

    def __init__(self, block: CyberArkConjur, context: VaultContext) -> None:
        self._block = block
        self._context = context
        self._https = VaultHttps(context, block.url, field=f"{_FIELD}.url")
        self._logins: LoginCache[str] = LoginCache(self._log_in, context)
        """Sessions are values of the Authorization header."""
        self._asked = _request_context(block, self._https.asked)

    async def read(self, item: object) -> VaultSecret:
        """Return the variable's value; the version is the requested one, since Conjur returns none."""
        assert isinstance(item, CyberArkPassword)
        variable, version = item.variable, item.version
        assert variable is not None  # otherwise it belongs to a CCP
        answer = await self._secret(variable, version)
        if answer.status != 200 or "html" in answer.headers.get("content-type", ""):
            item = cut(variable, limit=200)
            raise read_refused(answer, replace(self._asked, item=item, version=version or ""))
        where = f"{self._context.name}: variable {cut(variable, limit=200)}"
        return vault_secret(answer.body, where=where, version=version)

    async def check(self) -> str:
        """Log in again and verify the token; if it fails, the cached token stays."""
        login = await self._logins.refresh()
        answer = await self._https.send("GET", ("whoami",), headers={"Authorization": login.session})
        # 404: old versions lack this endpoint. The login succeeded anyway.
        if answer.status not in (200, 404):
            raise token_refused(answer, self._asked)
        place = urlsplit(self._https.base).netloc
        return f"Logged in to Conjur at {place}, account {self._block.account}, as {self._asked.client}."

    async def close(self) -> None:
        """Drop the token, which expires automatically; requests in progress still complete."""
        self._logins.close()

    async def _secret(self, variable: str, version: str | None) -> HttpsResponse:
        login, _ = await self._logins.current()
        answer = await self._ask(login, variable, version)
        if answer.status == 401:
            self._logins.forget(login)
            login, _ = await self._logins.current()
            answer = await self._ask(login, variable, version)
        return answer

    async def _ask(self, login: CachedLogin[str], variable: str, version: str | None) -> HttpsResponse:
        return await self._https.send(
            "GET",
            ("secrets", self._block.account, "variable", variable),
            query={"version": version} if version else None,
            headers={"Authorization": login.session, "Accept": "*/*"},
        )

    async def _log_in(self) -> CachedLogin[str]:
        login = await self._credential()
        asked = self._context.monotonic()
        answer = await self._https.send(
            "POST",
            (*login.segments, "authenticate"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=login.body,
        )
        lifetime = _lifetime(answer) if answer.status == 200 else None
        if lifetime is None:
            raise login_refused(answer, self._asked)
        written = base64.b64encode(answer.body).decode()
        return CachedLogin(f'Token token="{written}"', asked + lifetime - min(_EARLY, lifetime / 4))

    async def _credential(self) -> _LoginRequest:
        auth, account = self._block.auth, self._block.account
        if auth.api_key is not None:
            key = await self._context.credentials.secret(
                auth.api_key.api_key_ref,
                goes_to=self._block.url,
                field_path=f"{_FIELD}.auth.apiKey.apiKeyRef",
            )
            return _LoginRequest((API_KEY, account, auth.api_key.login), key.encode())
        jwt = auth.jwt
        assert jwt is not None  # guaranteed by validation: exactly one
        token = await self._context.credentials.service_account_token(
            jwt.service_account_ref,
            goes_to=self._block.url,
            field_path=f"{_FIELD}.auth.jwt.serviceAccountRef",
        )
        host = (jwt.host_id,) if jwt.host_id else ()
        return _LoginRequest(
            ("authn-jwt", jwt.service_id, account, *host), f"jwt={quote_plus(token)}".encode()
        )


def _request_context(block: CyberArkConjur, asked: RequestContext) -> RequestContext:
    asked = replace(asked, namespace=cut(block.account, limit=100))
    if block.auth.api_key is not None:
        reference = block.auth.api_key.api_key_ref
        return replace(
            asked,
            client=cut(block.auth.api_key.login, limit=100),
            auth=f"{_FIELD}.auth.apiKey",
            method=API_KEY,
            credential=f"Secret {reference.name}, key {reference.key}",
        )
    jwt = block.auth.jwt
    assert jwt is not None  # guaranteed by validation: exactly one
    account = f"ServiceAccount {jwt.service_account_ref.name}"
    return replace(
        asked,
        client=cut(jwt.host_id or account, limit=100),
        auth=f"{_FIELD}.auth.jwt",
        method=f"authn-jwt/{cut(jwt.service_id, limit=100)}",
        credential=account,
        claims=TokenClaims(audience=cut(jwt.service_account_ref.audience, limit=100)),
    )


def _lifetime(answer: HttpsResponse) -> float | None:
    """Return the lifetime of the token in the answer, in seconds; None: there is no token."""
    token = json_object(answer.body)
    if not all(isinstance(token.get(part), str) for part in _TOKEN_PARTS):
        return None
    try:
        payload = json_object(base64.urlsafe_b64decode(token["payload"] + "==="))
    except (binascii.Error, ValueError):
        return None
    begins, ends = payload.get("iat"), payload.get("exp")
    if type(begins) is int and type(ends) is int and 0 < ends - begins < 10**9:
        return float(ends - begins)
    return _DEFAULT_LIFETIME
