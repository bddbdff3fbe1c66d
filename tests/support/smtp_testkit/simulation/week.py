# SPDX-License-Identifier: Apache-2.0
"""A week of an operator on a fake clock: the load on mail servers, vaults and the API server.

All events of the week are planned, so each figure has a bound that follows from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation.engine import Answer, fails, passes
from smtp_testkit.simulation.vaults import vault_verdict
from smtp_testkit.simulation.world import SmtpConfig, World

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

RECHECKS: Final = 28
"""Tests of one object in a week, at an interval of 6 hours."""
SERVERS: Final = 5
OUTAGE: Final = 2 * HOUR
RETRIES: Final = 10
"""Tests of one object in an outage of 2 hours, by the delays of Retry.TRANSIENT."""
WRONG_LOGINS: Final = 4
"""Logins with one wrong password in two days: at once, after an hour, and once a day (rule 7)."""
VAULT_CHECKS: Final = 7 * 24 + 20
"""Checks of a vault: one per hour, and some at restarts and after an outage."""

_OF_VAULT, _ROTATED, _WRONG = 5, 2, 20
"""Every so many SmtpConfigs, one reads from a vault; gets a new password; gets a wrong one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A count and its upper bound."""

    name: str
    counted: int
    bound: int

    @property
    def holds(self) -> bool:
        """Whether the count is within its bound."""
        return self.counted <= self.bound


_UNLIMITED: Final = ReconcilePolicy(emails_per_namespace=0, emails_per_mailbox=0, rejected_logins=0)
"""Settings for many SmtpConfigs of one user in one namespace."""


@dataclass(slots=True)
class Week:
    """So many SmtpConfigs at five mail servers; every fifth reads its password from a vault."""

    objects: int = 1000
    world: World = field(default_factory=lambda: World(_UNLIMITED))
    _configs: dict[int, SmtpConfig] = field(default_factory=dict)
    _down: bool = False
    _at_rest: list[int] = field(default_factory=list)
    """Emails and status writes of restarts and label edits."""

    async def live(self) -> list[Figure]:
        """Simulate the week and return its figures."""
        await self._begin()
        for event in (self._rotate, self._lose_a_server, self._mistype, self._lose_the_vault, self._correct):
            await event()
            await self.world.passes(DAY)
        await self._restart_and_label()
        figures = list(self._figures())
        await self.world.stop()
        return figures

    async def _begin(self) -> None:
        world = self.world
        await world.start()
        vault = world.vault().create()
        for number in range(SERVERS):
            world.engine.always(self._answer, server=f"mail-{number}.example.com")
        for number in range(self.objects):
            self._put(number, "s3cret-1")
            secret = {"secretRef": {"name": f"password-{number}"}}
            config = world.smtp_config(f"mail-{number}")
            config.create(
                server=f"mail-{number % SERVERS}.example.com",
                username="mailer@example.com",
                password=vault.password() if number % _OF_VAULT == 0 else secret,
                recheck={"interval": "6h"},
            )
            self._configs[number] = config
        await world.passes(DAY)

    async def _rotate(self) -> None:
        for number in self._rotated:
            self._put(number, "s3cret-2")
        await self.world.passes(HOUR)

    async def _lose_a_server(self) -> None:
        self._down = True
        await self.world.passes(OUTAGE)
        self._down = False

    async def _mistype(self) -> None:
        for number in self._mistyped:
            self._put(number, "wrong")
        await self.world.passes(HOUR)

    async def _lose_the_vault(self) -> None:
        self.world.vaults.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
        await self.world.passes(HOUR)
        self.world.vaults.fails = None

    async def _correct(self) -> None:
        for number in self._mistyped:
            self._put(number, "s3cret-3")
        await self.world.passes(HOUR)

    async def _restart_and_label(self) -> None:
        world = self.world
        for change in (world.restart, self._label):
            mails, writes, runs = len(world.mails), len(world.writes), len(world.runs)
            await change()
            await world.passes(MINUTE)
            due = len(world.runs) - runs  # rechecks that fell into this minute, of which each writes once
            self._at_rest += [len(world.mails) - mails, max(len(world.writes) - writes - due, 0)]

    async def _label(self) -> None:
        for config in self._configs.values():
            config.annotate(**{"example.com/tracked-by": "argocd"})

    def _put(self, number: int, password: str) -> None:
        self.world.put_secret(f"password-{number}", password=password)

    def _answer(self, settings: TestRequest) -> Answer:
        if self._down and settings.server == "mail-0.example.com":
            return fails(Reason.CONNECT_TIMEOUT)
        wrong = settings.login is not None and settings.login.password == "wrong"
        return fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8") if wrong else passes()

    def _every(self, share: int) -> list[int]:
        return [it for it in range(0, self.objects, share) if it % _OF_VAULT]

    @property
    def _rotated(self) -> list[int]:
        return self._every(_ROTATED)

    @property
    def _mistyped(self) -> list[int]:
        return [it + 1 for it in range(0, self.objects - 1, _WRONG)]

    def _figures(self) -> Iterator[Figure]:
        world, every = self.world, self.objects
        rotated, mistyped = len(self._rotated), len(self._mistyped)
        of_vault, at_lost_server = -(-every // _OF_VAULT), -(-every // SERVERS)
        mails = every + rotated + mistyped
        logins = mails + every * RECHECKS + mistyped * WRONG_LOGINS
        tests = logins + (at_lost_server + of_vault) * RETRIES
        reads = of_vault * (1 + RECHECKS + RETRIES)
        yield Figure("emails sent", len(world.mails), mails)
        yield Figure("logins at mail servers (AUTH)", len(world.logins), logins)
        yield Figure("tests", len(world.runs), tests)
        yield Figure("logins with a wrong password", self._wrong_logins(), mistyped * WRONG_LOGINS)
        yield Figure("reads from the vault", len(world.vaults.reads), reads)
        yield Figure("logins at the vault", len(world.vaults.logins), VAULT_CHECKS)
        yield Figure("statuses written", len(world.writes), tests + VAULT_CHECKS + of_vault * RETRIES)
        yield Figure("mails and writes of a restart and of label edits", sum(self._at_rest), 0)
        yield Figure("connections to one server at a time", max(world.engine.most_at_once.values()), 5)

    def _wrong_logins(self) -> int:
        return sum(password == "wrong" for _, password in self.world.logins)
