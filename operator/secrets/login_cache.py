# SPDX-License-Identifier: Apache-2.0
"""A login at a vault, made once however many ask for it, and kept for as long as it is good."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.single_flight import SingleFlight
from smtp_operator.secrets.vaults.errors import gone

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class CachedLogin(Generic[S]):
    """What a login gave."""

    session: S = field(repr=False)
    until: float
    """From when on it is used no more, by the clock of ``Logins``; what has passed already is for one use."""


class LoginCache(Generic[S]):
    """The login of one vault object. What fails, fails for all who wait for it, and is not kept."""

    def __init__(
        self,
        log_in: Callable[[], Awaitable[CachedLogin[S]]],
        still_known: Callable[[S], Awaitable[bool]],
        *,
        monotonic: Callable[[], float],
        vault: str,
    ) -> None:
        """Both functions ask the vault; ``vault`` is ``VaultContext.name``."""
        self._log_in = log_in
        self._still_known = still_known
        self._monotonic = monotonic
        self._vault = vault
        self._kept: CachedLogin[S] | None = None
        self._made = 0.0
        self._best_before = inf
        self._ended: CachedLogin[S] | None = None
        self._making: SingleFlight[CachedLogin[S]] = SingleFlight()
        self._looking: SingleFlight[bool] = SingleFlight()
        self._closed = False

    async def current(self) -> tuple[CachedLogin[S], bool]:
        """The login, and whether it was kept from before, so that the vault may think otherwise by now."""
        kept = self._kept
        if kept is not None and self._monotonic() < min(kept.until, self._best_before):
            return kept, True
        return await self.refresh(), False

    async def refresh(self) -> CachedLogin[S]:
        """A login that is made now, or just being made; the one that is kept stays if it fails."""
        if self._closed:
            raise gone(self._vault)
        return await self._making.run(None, self._make)

    async def replacing(self, refused: CachedLogin[S]) -> CachedLogin[S] | None:
        """Another login, where the vault knows this one no more; None: it does, so it is not the login."""
        if refused is not self._ended:  # else somebody has found that out already
            if await self._looking.run(refused, lambda: self._still_known(refused.session)):
                return None
            self._ended = refused
        self.forget(refused)
        login, _ = await self.current()
        return login

    def forget(self, login: CachedLogin[S]) -> None:
        """Whoever asks next logs in anew; unless somebody has done so already."""
        if self._kept is login:
            self._kept = None

    def expire_soon(self, login: CachedLogin[S]) -> None:
        """It may not do something that a later one may; but none that is made within ten seconds of it."""
        if self._kept is login:
            self._best_before = self._made + HOLD_SECONDS

    def close(self) -> None:
        """Keep nothing and ask for nothing any more; who waits for a login still gets it."""
        self._closed = True
        self._kept = self._ended = None

    async def _make(self) -> CachedLogin[S]:
        made = await self._log_in()
        if not self._closed:
            self._kept, self._made, self._best_before = made, self._monotonic(), inf
        return made
