# SPDX-License-Identifier: Apache-2.0
"""A vault with scripted responses for every vault object, which records its requests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Any

from smtp_operator.api.fields import SecretKeyReference
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.password import VaultPassword
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.vault_blocks import HashiCorpVault
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.login_cache import CachedLogin, LoginCache
from smtp_operator.secrets.vaults.access import reference_in_vault
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.values import vault_secret

LOGIN_FIELD = "hashiCorpVault.auth.tokenRef"


class NoHttps:
    """An HTTPS client that is never used."""

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """Fail; no test sends anything."""
        raise AssertionError(f"{request.method} {request.url}")


@dataclass(slots=True)
class SimulatedAccounts:
    """The ServiceAccounts of ``get_object``; each issues tokens for the audiences that it allows."""

    get_object: GetObject

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """See ``ServiceAccounts``."""
        return await self.get_object(Reference("ServiceAccount", namespace, name))

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """See ``ServiceAccounts``."""
        return f"token of {namespace}/{name} for {audience}"

    async def opens_api_server(self, token: str) -> bool:
        """Return False."""
        return False


def vault_verdict(reason: Reason, *, retry_after: float | None = None) -> Verdict:
    """Return a verdict as providers do."""
    return Verdict(
        reason=reason,
        message=f"{reason}, as the vault says.",
        retry=REASONS[reason].retry,
        phase=Phase.PASSWORD,
        retry_after=retry_after,
    )


class SimulatedVaults:
    """The passwords in the vault, its scripted responses, and its requests."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.secrets: dict[str, str] = {"mail/smtp": "s3cret-1"}
        """Passwords by their reference."""
        self.versions: dict[str, str | None] = {}
        """Versions by reference; None: the vault has none."""
        self.says: Reason = Reason.PASSWORD_READ
        """The reason of every successful read."""
        self.expires: datetime | None = None
        """The expiry of every password."""
        self.tokens: set[str] = {"root"}
        """The credentials of the login."""
        self.fails: Verdict | None = None
        """The verdict of every request; None: they succeed."""
        self.latency = 0.05
        self.logins: list[tuple[float, str]] = []
        """The time and vault object of each login."""
        self.reads: list[tuple[float, str]] = []
        """The time and reference of each read."""
        self.on_login: Callable[[], None] = lambda: None
        """Called at each login."""
        self.open: int = 0
        """Number of open clients."""

    def client(self, block: Any, context: VaultContext) -> "_Client":
        """See ``ProviderClass``."""
        self.open += 1
        return _Client(self, block, context)

    def put(self, place: str, password: str, version: str) -> None:
        """Write a password."""
        self.secrets[place] = password
        self.versions[place] = version

    def forget(self) -> None:
        """Forget the recorded requests."""
        self.logins.clear()
        self.reads.clear()

    @property
    def calls(self) -> int:
        """The number of requests."""
        return len(self.logins) + len(self.reads)


class _Client:
    """The client of one vault object, which keeps its login."""

    def __init__(self, vaults: SimulatedVaults, block: HashiCorpVault, context: VaultContext) -> None:
        self._vaults = vaults
        self._block = block
        self._context = context
        self._logins: LoginCache[str] = LoginCache(self._log_in, context)

    async def read(self, item: object) -> VaultSecret:
        """See ``VaultProvider``."""
        assert isinstance(item, VaultPassword)
        await self._logins.current()
        place = reference_in_vault(item)
        self._vaults.reads.append((self._vaults.now(), place))
        await self._answer()
        if place not in self._vaults.secrets:
            raise VerdictError(vault_verdict(Reason.VAULT_SECRET_NOT_FOUND))
        where = f"{self._context.name}: {place}"
        version = self._vaults.versions.get(place, "1")
        secret = vault_secret(self._vaults.secrets[place], where=where, version=version)
        secret = replace(secret, expires=self._vaults.expires)
        if self._vaults.says is Reason.PASSWORD_READ:
            return secret
        return replace(secret, reason=self._vaults.says, message=f"{where}: {self._vaults.says}.")

    async def check(self) -> str:
        """See ``VaultProvider``."""
        await self._logins.refresh()
        return f"{self._context.name}: logged in by a token."

    async def close(self) -> None:
        """See ``VaultProvider``."""
        self._logins.close()
        self._vaults.open -= 1

    async def _log_in(self) -> CachedLogin[str]:
        named = self._block.auth.token_ref
        assert isinstance(named, SecretKeyReference)
        token = await self._context.credentials.secret(named, goes_to=self._block.url, field_path=LOGIN_FIELD)
        await self._context.credentials.trust()
        self._vaults.on_login()
        self._vaults.logins.append((self._vaults.now(), self._context.name))
        await self._answer()
        if token not in self._vaults.tokens:
            raise VerdictError(vault_verdict(Reason.VAULT_AUTH_FAILED))
        return CachedLogin(token, inf)

    async def _answer(self) -> None:
        await asyncio.sleep(self._vaults.latency)
        if self._vaults.fails is not None:
            raise VerdictError(self._vaults.fails)
