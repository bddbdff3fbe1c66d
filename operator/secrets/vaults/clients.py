# SPDX-License-Identifier: Apache-2.0
"""The vault clients in use: one per vault object, shared by all tests that read through it.

So there is one login for all callers, and a failure of the login is cached for all of them: a vault that
fails gets no more requests than one that works. Failures of a read are cached for its item and namespace, so
that no namespace can cause failed reads of another one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import VaultPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpvault import Provider
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.network.https import HttpsSender
from smtp_operator.secrets.failure_cache import LONGEST_WAIT, FailureCache
from smtp_operator.secrets.interfaces import Destination, GetObject, ReadObject
from smtp_operator.secrets.service_accounts import ServiceAccounts
from smtp_operator.secrets.single_flight import SingleFlight
from smtp_operator.secrets.vaults.credentials import VaultCredentials
from smtp_operator.secrets.vaults.errors import LoginError
from smtp_operator.secrets.vaults.metrics import CountingSender, VaultObserver
from smtp_operator.secrets.vaults.provider import (
    AllowedHosts,
    VaultContext,
    VaultProvider,
    VaultSecret,
)
from smtp_operator.secrets.vaults.registry import PROVIDERS, ProviderClass

_FIXED_AT_ONCE: Final = frozenset(
    {
        Reason.VAULT_ACCESS_DENIED,
        Reason.VAULT_SECRET_NOT_FOUND,
        Reason.VAULT_SECRET_DISABLED,
        Reason.VAULT_SECRET_AMBIGUOUS,
        Reason.VAULT_SECRET_CHANGING,
        Reason.VAULT_SECRET_UNUSABLE,
        Reason.VAULT_REQUEST_INVALID,
        Reason.VAULT_RESPONSE_INVALID,
    }
)
"""Reasons of reads that are not cached: a fix in the vault applies to the next test."""

_LOGIN: Final = None
"""Key of failures that concern the whole vault."""


class VaultClient:
    """Client for one version of a vault object."""

    def __init__(
        self,
        vault: VaultObject,
        client: VaultProvider,
        credentials: VaultCredentials,
        monotonic: Callable[[], float],
    ) -> None:
        self.vault = vault
        self._client = client
        self._credentials = credentials
        self._reads: SingleFlight[VaultSecret] = SingleFlight()
        self._failures = FailureCache(monotonic)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def read_objects(self) -> Mapping[Reference, ReadObject]:
        """Return the objects that its login depends on."""
        return self._credentials.read_objects

    async def read(self, item: VaultPassword, *, destination: Destination) -> VaultSecret:
        """Return the password for this mail server.

        Concurrent callers of one namespace share one request. A failure is cached for them alone, unless
        it is one of the login.

        Raises:
            VerdictError: it cannot be read, or the login may not be used for this server.
            ApiUnavailable
        """
        await self._credentials.check_mail_server(destination)
        key = NAMESPACE.get(), item
        return await self._reads.run(key, lambda: self._read(key))

    async def check(self) -> str:
        """Log in without cached login; return a sentence that says where and as whom.

        Raises:
            VerdictError, ApiUnavailable
        """
        async with self._request(_LOGIN):
            return await self._client.check()

    async def close(self) -> None:
        """Drop the login once it is no longer in use."""
        await self._idle.wait()
        await self._client.close()

    def break_off(self) -> None:
        """Cancel all reads in progress."""
        self._reads.cancel()

    async def _read(self, key: tuple[str, VaultPassword]) -> VaultSecret:
        async with self._request(key):
            return await self._client.read(key[1])

    @asynccontextmanager
    async def _request(self, key: Hashable) -> AsyncIterator[None]:
        """Permit calls of the vault inside the context; cache their failures."""
        self._failures.raise_if_active(_LOGIN)
        self._failures.raise_if_active(key)
        self._busy += 1
        self._idle.clear()
        try:
            yield
        except VerdictError as error:
            if isinstance(error, LoginError):
                key = _LOGIN
            raise VerdictError(self._record(key, error.verdict)) from None
        else:
            self._failures.clear(_LOGIN)
            self._failures.clear(key)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def _record(self, key: Hashable, verdict: Verdict) -> Verdict:
        if verdict.retry_after is not None:
            verdict = replace(verdict, retry_after=min(verdict.retry_after, LONGEST_WAIT))
        if key is _LOGIN or verdict.reason not in _FIXED_AT_ONCE:
            self._failures.record(key, verdict)
        return verdict


class VaultClients:
    """All vault clients. A change of the vault object, or of an object its login uses, closes its client."""

    def __init__(
        self,
        *,
        get_object: GetObject,
        accounts: ServiceAccounts,
        https: HttpsSender,
        monotonic: Callable[[], float],
        now: Callable[[], float],
        require_allowed_servers: bool = False,
        allowed_hosts: AllowedHosts | None = None,
        observer: VaultObserver | None = None,
        providers: Mapping[Provider, ProviderClass] = PROVIDERS,
    ) -> None:
        """``monotonic`` returns seconds of a monotonic clock, ``now`` seconds since the epoch."""
        self.get_object = get_object
        self._accounts = accounts
        self._https = https
        self._observer = observer
        self._monotonic = monotonic
        self._now = now
        self._required = require_allowed_servers
        self._allowed_hosts = allowed_hosts or AllowedHosts()
        self._providers = providers
        self._clients: dict[Reference, VaultClient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, vault: VaultObject) -> VaultClient:
        """Return the client for this version of the vault object."""
        client = self._clients.get(vault.reference)
        if client is not None and (client.vault.uid, client.vault.generation) == (
            vault.uid,
            vault.generation,
        ):
            return client
        self.forget(vault.reference)
        client = self._clients[vault.reference] = self._create(vault)
        return client

    def forget_outdated(self, vault: VaultObject) -> None:
        """Drop the client if the vault object has changed since."""
        client = self._clients.get(vault.reference)
        if client is not None and (client.vault.uid, client.vault.generation) != (
            vault.uid,
            vault.generation,
        ):
            self.forget(vault.reference)

    def forget(self, reference: Reference) -> None:
        """Drop the client of a vault object that was deleted or changed."""
        client = self._clients.pop(reference, None)
        if client is not None:
            closing = asyncio.create_task(client.close(), name=f"close {reference}")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def changed(self, reference: Reference) -> None:
        """Drop all clients whose login used this changed Secret or ConfigMap."""
        for vault, client in list(self._clients.items()):
            if reference in client.read_objects:
                self.forget(vault)

    async def close(self) -> None:
        """Close all clients when the operator stops."""
        for reference, client in list(self._clients.items()):
            client.break_off()
            self.forget(reference)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _create(self, vault: VaultObject) -> VaultClient:
        credentials = VaultCredentials(
            vault,
            get_object=self.get_object,
            accounts=self._accounts,
            now=self._now,
            require_allowed_servers=self._required,
        )
        https = self._https
        if self._observer is not None:
            https = CountingSender(
                https, provider=vault.field, observer=self._observer, monotonic=self._monotonic
            )
        context = VaultContext(
            name=str(vault.reference),
            namespace=vault.reference.namespace,
            credentials=credentials,
            https=https,
            monotonic=self._monotonic,
            now=self._now,
            allowed_hosts=self._allowed_hosts,
        )
        provider = self._providers[vault.provider](vault.block, context)
        return VaultClient(vault, provider, credentials, self._monotonic)
