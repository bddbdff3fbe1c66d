# SPDX-License-Identifier: Apache-2.0
"""Cache a vault's login: one login for all concurrent callers, kept while it is valid."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from smtp_operator.api.verdict import VerdictError
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.single_flight import SingleFlight
from smtp_operator.secrets.vaults.errors import LoginError, vault_changed
from smtp_operator.secrets.vaults.provider import VaultContext

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class CachedLogin(Generic[S]):
    """The session of a successful login."""

    session: S = field(repr=False)
    until: float
    """When to stop using it, by the clock of ``LoginCache``; a time in the past allows a single use."""


class LoginCache(Generic[S]):
    """The login of one vault object. A failure is raised for all waiting callers and is not cached.

    A login serves all callers, so it counts for the namespace of the vault object, not for that of the
    first caller.
    """

    def __init__(
        self,
        log_in: Callable[[], Awaitable[CachedLogin[S]]],
        context: VaultContext,
        *,
        still_known: Callable[[S], Awaitable[bool]] | None = None,
    ) -> None:
        """Both functions send requests to the vault. ``still_known`` is for ``replacing`` only."""
        self._log_in = log_in
        self._still_known = still_known
        self._monotonic = context.monotonic
        self._context = context
        self._cached: CachedLogin[S] | None = None
        self._made = 0.0
        self._best_before = inf
        self._ended: CachedLogin[S] | None = None
        self._making: SingleFlight[CachedLogin[S]] = SingleFlight()
        self._checking: SingleFlight[bool] = SingleFlight()
        self._closed = False

    async def current(self) -> tuple[CachedLogin[S], bool]:
        """Return the login, and whether it is a cached one, which the vault may have revoked since."""
        cached = self._cached
        if cached is not None and self._monotonic() < min(cached.until, self._best_before):
            return cached, True
        return await self.refresh(), False

    async def refresh(self) -> CachedLogin[S]:
        """Log in again, or join a login in progress; if it fails, the cached login stays.

        Raises:
            LoginError, ApiUnavailable
        """
        if self._closed:
            raise vault_changed(self._context.name)
        return await self._making.run(None, self._make)

    async def replacing(self, refused: CachedLogin[S]) -> CachedLogin[S] | None:
        """Return a new login if the vault no longer accepts this one; None: it does, the cause is another."""
        found_out = refused is self._ended  # by another caller
        if not found_out and await self._checking.run(refused, lambda: self._is_known(refused)):
            return None
        login, _ = await self.current()
        return login

    def forget(self, login: CachedLogin[S]) -> None:
        """Drop this login, unless it was already replaced."""
        if self._cached is login:
            self._cached = None

    def expire_soon(self, login: CachedLogin[S]) -> None:
        """Replace this login ``HOLD_SECONDS`` after its creation: a newer one may have more permissions."""
        if self._cached is login:
            self._best_before = self._made + HOLD_SECONDS

    def close(self) -> None:
        """Drop everything and make no more logins; callers that already wait still get theirs."""
        self._closed = True
        self._cached = self._ended = None

    async def _make(self) -> CachedLogin[S]:
        NAMESPACE.set(self._context.namespace)
        try:
            made = await self._log_in()
        except VerdictError as error:
            raise LoginError(error.verdict) from None
        if not self._closed:
            self._cached, self._made, self._best_before = made, self._monotonic(), inf
        return made

    async def _is_known(self, login: CachedLogin[S]) -> bool:
        NAMESPACE.set(self._context.namespace)
        if self._still_known is not None and await self._still_known(login.session):
            return True
        # Recorded by the check itself: a caller may ask between its end and the wake-up of its callers.
        self._ended = login
        self.forget(login)
        return False
