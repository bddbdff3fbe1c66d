# SPDX-License-Identifier: Apache-2.0
"""The vault clients in use: one per vault object, shared by all tests that read through it.

So there is one login for all callers, and all respect the vault's errors (retry later, login refused): a
vault that fails gets no more requests than one that works.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import VaultPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpvault import Provider
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.secrets.failure_cache import FailureCache
from smtp_operator.secrets.interfaces import Destination, GetObject, ReadObject
from smtp_operator.secrets.service_accounts import ServiceAccounts
from smtp_operator.secrets.vaults.credentials import VaultCredentials
from smtp_operator.secrets.vaults.errors import LONGEST_WAIT
from smtp_operator.secrets.vaults.metrics import CountingSender, VaultObserver
from smtp_operator.secrets.vaults.provider import (
    AllowedHosts,
    VaultContext,
    VaultProvider,
    VaultSecret,
    VaultSender,
)
from smtp_operator.secrets.vaults.registry import PROVIDERS, ProviderClass

_OF_ONE_ITEM: Final = frozenset(
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
"""Reasons that concern a single password, not the whole vault."""


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
        self._reading: dict[VaultPassword, asyncio.Task[VaultSecret]] = {}
        self._failures = FailureCache(monotonic)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def read_objects(self) -> Mapping[Reference, ReadObject]:
        """Return the objects that its login depends on."""
        return self._credentials.read_objects

    async def read(self, item: VaultPassword, *, destination: Destination) -> VaultSecret:
        """Return the password for this mail server; concurrent callers share one request.

        Raises:
            VerdictError: it cannot be read, or the login may not be used for this server.
            ApiUnavailable
        """
        await self._credentials.check_mail_server(destination)
        reading = self._reading.get(item)
        if reading is None:
            reading = asyncio.create_task(self._read(item), name=f"read of {self.vault.reference}")
            self._reading[item] = reading
            reading.add_done_callback(lambda task: self._on_read(item, task))
        return await asyncio.shield(reading)

    async def check(self) -> str:
        """Log in without cached login; return a sentence that says where and as whom.

        Raises:
            VerdictError, ApiUnavailable
        """
        async with self._request():
            return await self._client.check()

    async def close(self) -> None:
        """Drop the login once it is no longer in use."""
        await self._idle.wait()
        await self._client.close()

    def break_off(self) -> None:
        """Cancel all reads in progress."""
        for reading in self._reading.values():
            reading.cancel()

    def _on_read(self, item: VaultPassword, task: asyncio.Task[VaultSecret]) -> None:
        del self._reading[item]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it when no one waits

    async def _read(self, item: VaultPassword) -> VaultSecret:
        async with self._request():
            return await self._client.read(item)

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[None]:
        """Permit calls of the vault inside the context; cache failures that concern all callers."""
        self._failures.raise_if_active()
        self._busy += 1
        self._idle.clear()
        try:
            yield
        except VerdictError as error:
            raise VerdictError(self._record(error.verdict)) from None
        else:
            self._failures.clear()
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def _record(self, verdict: Verdict) -> Verdict:
        if verdict.retry_after is not None:
            verdict = replace(verdict, retry_after=min(verdict.retry_after, LONGEST_WAIT))
        if verdict.reason not in _OF_ONE_ITEM:
            self._failures.record(verdict)
        return verdict


class VaultClients:
    """All vault clients. A change of the vault object, or of an object its login uses, closes its client."""

    def __init__(
        self,
        *,
        get_object: GetObject,
        accounts: ServiceAccounts,
        https: VaultSender,
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
            credentials=credentials,
            https=https,
            monotonic=self._monotonic,
            now=self._now,
            allowed_hosts=self._allowed_hosts,
        )
        provider = self._providers[vault.provider](vault.block, context)
        return VaultClient(vault, provider, credentials, self._monotonic)
