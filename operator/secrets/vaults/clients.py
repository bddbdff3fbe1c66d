# SPDX-License-Identifier: Apache-2.0
"""The vaults that are in use: one client per vault object, shared by all tests that read through it.

So its login is made once however many ask, and what the vault says of all of them (come back later, who are
you?) is heeded by all: where it fails it is not called more often than where it succeeds.
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
"""What says nothing of other passwords in the same vault."""


class VaultClient:
    """A vault object in one version, and the client that was made of it."""

    def __init__(
        self,
        of: VaultObject,
        client: VaultProvider,
        credentials: VaultCredentials,
        monotonic: Callable[[], float],
    ) -> None:
        self.of = of
        self._client = client
        self._credentials = credentials
        self._reading: dict[VaultPassword, asyncio.Task[VaultSecret]] = {}
        self._held = FailureCache(monotonic)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def seen(self) -> Mapping[Reference, ReadObject]:
        """What its login stands on."""
        return self._credentials.seen

    async def read(self, item: VaultPassword, *, destination: Destination) -> VaultSecret:
        """The password, for that mail server; those who ask at the same time get the same answer.

        Raises:
            VerdictError: it cannot be read, or the login may not be used for that server.
            ApiUnavailable
        """
        await self._credentials.check_mail_server(destination)
        reading = self._reading.get(item)
        if reading is None:
            reading = asyncio.create_task(self._read(item), name=f"read of {self.of.reference}")
            self._reading[item] = reading
            reading.add_done_callback(lambda task: self._was_read(item, task))
        return await asyncio.shield(reading)

    async def check(self) -> str:
        """Really logs in; a sentence that says where and as whom.

        Raises:
            VerdictError, ApiUnavailable
        """
        async with self._asking():
            return await self._client.check()

    async def close(self) -> None:
        """Forgets its login, once nobody uses it any more."""
        await self._idle.wait()
        await self._client.close()

    def break_off(self) -> None:
        """Whoever still asks gets no answer."""
        for reading in self._reading.values():
            reading.cancel()

    def _was_read(self, item: VaultPassword, task: asyncio.Task[VaultSecret]) -> None:
        del self._reading[item]
        if not task.cancelled():
            task.exception()  # else asyncio complains of it where nobody waits for the answer any more

    async def _read(self, item: VaultPassword) -> VaultSecret:
        async with self._asking():
            return await self._client.read(item)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Within it the vault may be called; what it says of everybody is kept for a while."""
        self._held.raise_if_active()
        self._busy += 1
        self._idle.clear()
        try:
            yield
        except VerdictError as error:
            raise VerdictError(self._noted(error.verdict)) from None
        else:
            self._held.clear()
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def _noted(self, verdict: Verdict) -> Verdict:
        if verdict.retry_after is not None:
            verdict = replace(verdict, retry_after=min(verdict.retry_after, LONGEST_WAIT))
        if verdict.reason not in _OF_ONE_ITEM:
            self._held.record(verdict)
        return verdict


class VaultClients:
    """All of them. An object's change, its end, or a change of what its login stands on closes its client."""

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
        """``monotonic`` is in seconds from whenever on, ``now`` since the epoch."""
        self.get_object = get_object
        self._accounts = accounts
        self._https = https
        self._observer = observer
        self._monotonic = monotonic
        self._now = now
        self._required = require_allowed_servers
        self._allowed_hosts = allowed_hosts or AllowedHosts()
        self._providers = providers
        self._live: dict[Reference, VaultClient] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, vault: VaultObject) -> VaultClient:
        """The one of this version."""
        live = self._live.get(vault.reference)
        if live is not None and (live.of.uid, live.of.generation) == (vault.uid, vault.generation):
            return live
        self.forget(vault.reference)
        live = self._live[vault.reference] = self._made(vault)
        return live

    def is_outdated(self, vault: VaultObject) -> None:
        """A vault object is in this state now."""
        live = self._live.get(vault.reference)
        if live is not None and (live.of.uid, live.of.generation) != (vault.uid, vault.generation):
            self.forget(vault.reference)

    def forget(self, reference: Reference) -> None:
        """That vault object is gone, or another one now."""
        live = self._live.pop(reference, None)
        if live is not None:
            closing = asyncio.create_task(live.close(), name=f"close {reference}")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def changed(self, reference: Reference) -> None:
        """A Secret or ConfigMap changed: whoever logged in by it logs in anew."""
        for vault, live in list(self._live.items()):
            if reference in live.seen:
                self.forget(vault)

    async def close(self) -> None:
        """Forgets them all, at the end of the operator."""
        for reference, live in list(self._live.items()):
            live.break_off()
            self.forget(reference)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _made(self, vault: VaultObject) -> VaultClient:
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
        client = self._providers[vault.provider](vault.block, context)
        return VaultClient(vault, client, credentials, self._monotonic)
