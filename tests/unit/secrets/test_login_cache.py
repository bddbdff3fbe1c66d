# SPDX-License-Identifier: Apache-2.0
"""A login that the vault revoked is checked once and made again once, whenever its users find out."""

import asyncio

import pytest

from smtp_operator.secrets.login_cache import CachedLogin, LoginCache
from smtp_operator.secrets.vaults.provider import VaultContext
from smtp_testkit.cyberark.trial import GivenCredentials
from smtp_testkit.simulation.vaults import NoHttps


class Vault:
    """A vault that counts logins and checks; the check of a login ends when the test says so."""

    def __init__(self) -> None:
        context = VaultContext(
            name="SmtpVault team-a/v",
            credentials=GivenCredentials(),
            https=NoHttps(),
            monotonic=lambda: 0.0,
            now=lambda: 0.0,
        )
        self.cache: LoginCache[int] = LoginCache(self._log_in, context, still_known=self._still_known)
        self.logins = self.checks = 0
        self.answers = asyncio.Event()

    async def _log_in(self) -> CachedLogin[int]:
        self.logins += 1
        return CachedLogin(self.logins, until=60.0)

    async def _still_known(self, session: int) -> bool:
        self.checks += 1
        await self.answers.wait()
        return False


@pytest.mark.parametrize("steps", range(8))
async def test_a_user_who_finds_out_at_the_end_of_the_check_causes_no_second_one(steps: int) -> None:
    vault = Vault()
    revoked, _ = await vault.cache.current()
    first = asyncio.create_task(vault.cache.replacing(revoked))
    await asyncio.sleep(0)

    vault.answers.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    late = await vault.cache.replacing(revoked)

    assert late is await first
    assert (vault.checks, vault.logins) == (1, 2)
