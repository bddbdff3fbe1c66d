# SPDX-License-Identifier: Apache-2.0
"""A week with rotations, outages and restarts: no unproven value is published, and writes are counted."""

from typing import Any, Final

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import Answer, World, fails, passes

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
OBJECTS: Final = 14


class Week:
    """Users rotate passwords; every third new one is wrong for an hour."""

    def __init__(self) -> None:
        policy = ReconcilePolicy(
            publishes=True, emails_per_namespace=0, emails_per_mailbox=0, rejected_logins=0
        )
        self.world = World(policy)
        self.down = False
        self.good_rotations = 0
        self.world.engine.always(self._answer)

    def _answer(self, settings: TestRequest) -> Answer:
        assert settings.login is not None
        if self.down:
            return fails(Reason.CONNECT_TIMEOUT)
        wrong = settings.login.password.startswith("wrong")
        return fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8") if wrong else passes()

    async def begin(self) -> None:
        await self.world.start()
        for number in range(OBJECTS):
            self.world.put_secret(f"password-{number}", password="good-0")
            self.world.smtp_config(f"mail-{number}").create(
                username="mailer",
                password={"secretRef": {"name": f"password-{number}"}},
                recheck={"interval": "6h"},
                publish={"secretName": f"proven-{number}"},
            )
        await self.world.passes(HOUR)

    async def live(self) -> None:
        for day in range(1, 8):
            for number in range(day, OBJECTS, 7):
                wrong = number % 3 == 0
                self._rotate(number, f"wrong-{day}" if wrong else f"good-{day}")
                if wrong:
                    await self.world.passes(HOUR)
                    assert self.published(number) == "good-0"
                    self._rotate(number, f"good-{day}")
                self.good_rotations += 1
            await self.world.passes(HOUR)
            self.down = day % 2 == 0
            await self.world.passes(HOUR)
            self.down = False
            await self.world.restart(after=60)
            await self.world.passes(12 * HOUR)

    def _rotate(self, number: int, password: str) -> None:
        self.world.put_secret(f"password-{number}", password=password)

    def published(self, number: int) -> str:
        return (self.world.published(f"proven-{number}") or {})["password"]


async def test_a_week_of_rotations() -> None:
    week = Week()
    await week.begin()
    assert len(week.world.secret_writes) == OBJECTS
    sent = len(week.world.mails)
    await week.live()
    await week.world.stop()
    writes = week.world.secret_writes
    assert {write.data["password"].partition("-")[0] for write in writes} == {"good"}
    assert len(writes) == OBJECTS + week.good_rotations
    assert len(week.world.mails) - sent <= week.good_rotations
    stored = week.world.storage.objects
    for number in range(OBJECTS):
        source: Any = stored[Reference("Secret", "team-a", f"password-{number}")]["data"]
        copy: Any = stored[Reference("Secret", "team-a", f"proven-{number}")]["data"]
        assert copy["password"] == source["password"]
    assert week.world.complaints() == []
