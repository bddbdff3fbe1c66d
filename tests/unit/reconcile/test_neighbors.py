# SPDX-License-Identifier: Apache-2.0
"""A neighbor's verdict comes within its own time plus the documented bound, whatever another namespace does.

The bound is in ``docs/explanation/fair-shares.md``: one test at the same mail server, and nothing elsewhere.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import looptime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import World, passes
from smtp_testkit.simulation.engine import Answer

SHARED = "shared.example.com"
OWN_TIME: Final = 1.0
LONGEST_TEST: Final = 45.0
"""The default of ``test.timeout``, which the attacker does not change."""
SLACK: Final = 1.0

Step = Callable[["Attacker"], None]


class Attacker:
    """A user of the namespace team-a."""

    def __init__(self, world: World, seconds: list[float]) -> None:
        self.world = world
        self._seconds = seconds
        self._tests = 0
        self._created = 0
        self.vault = world.vault().create()

    def answer(self, settings: TestRequest) -> Answer:
        """Answer the tests of the attacker after any time, and those of the neighbor at once."""
        if dict(settings.headers)["X-Smtp-Operator"].startswith("team-b/"):
            return passes(seconds=OWN_TIME)
        self._tests += 1
        return passes(seconds=self._seconds[self._tests % len(self._seconds)])

    def creates(self, many: int, server: str, *, slow_password: bool) -> None:
        """Create SmtpConfigs."""
        for _ in range(many):
            self._created += 1
            name = server.format(self._created)
            self.world.engine.always(self.answer, server=name)
            spec: dict[str, Any] = {"server": name}
            if slow_password:
                spec |= {"username": "mailer@example.com", "password": self.vault.password()}
            self.world.smtp_config(f"mail-{self._created}").create(**spec)

    def changes(self, change: str) -> None:
        """Change all existing SmtpConfigs."""
        for key in [it for it in self.world.storage.smtp_configs if it.namespace == "team-a"]:
            config = self.world.smtp_config(key.name)
            match change:
                case "edit":
                    config.edit(heloName=f"helo{int(self.world.time())}.example.com")
                case "request":
                    config.request_test(f"at {self.world.time()}")
                case "suspend":
                    config.edit(suspend=not config.object_["spec"].get("suspend"))
                case "move":
                    config.edit(server=SHARED)
                case _:
                    config.delete()

    def slows_the_vault(self, seconds: float) -> None:
        """Let each read and login take this long."""
        self.world.vaults.latency = seconds


def creates(many: int, server: str, slow_password: bool) -> Step:
    return lambda attacker: attacker.creates(many, server, slow_password=slow_password)


def changes(change: str) -> Step:
    return lambda attacker: attacker.changes(change)


def slows_the_vault(seconds: float) -> Step:
    return lambda attacker: attacker.slows_the_vault(seconds)


STEPS = st.one_of(
    st.builds(
        creates,
        st.sampled_from([1, 10, 120]),
        st.sampled_from([SHARED, "own.example.com", "{}.example.com"]),
        st.booleans(),
    ),
    st.builds(changes, st.sampled_from(["edit", "request", "suspend", "move", "delete"])),
    st.builds(slows_the_vault, st.sampled_from([0.05, 5.0, 30.0, 120.0])),
)
PAUSES = st.sampled_from([0.0, 0.01, 1.0, 10.0, 44.0])
ATTACKS = st.lists(st.tuples(STEPS, PAUSES), max_size=8)
SECONDS = st.lists(st.sampled_from([0.05, 1.0, 20.0, LONGEST_TEST]), min_size=1, max_size=5)


async def delay_of_neighbor(server: str, attack: list[tuple[Step, float]], seconds: list[float]) -> float:
    """Return how much later than alone the verdict of a neighbor comes."""
    world = World()
    attacker = Attacker(world, seconds)
    for it in (SHARED, "own.example.com", "other.example.com"):
        world.engine.always(attacker.answer, server=it)
    await world.start()
    for step, pause in attack:
        step(attacker)
        await world.passes(pause)
    neighbor = world.smtp_config("neighbor", "team-b").create(server=server)
    created = world.time()
    while neighbor.ready != "True":
        await world.passes(0.05)
        assert world.time() < created + 600
    delay = world.time() - created - OWN_TIME
    await world.stop()
    return delay


def run(work: Coroutine[Any, Any, float]) -> float:
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(noop_cycles=0)) as runner:
        return runner.run(work)


@pytest.mark.parametrize(("server", "bound"), [(SHARED, LONGEST_TEST), ("other.example.com", 0.0)])
def test_a_neighbor_waits_at_most_for_one_test_at_the_same_mail_server(server: str, bound: float) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    @given(ATTACKS, SECONDS)
    def within_the_bound(attack: list[tuple[Step, float]], seconds: list[float]) -> None:
        assert run(delay_of_neighbor(server, attack, seconds)) <= bound + SLACK

    within_the_bound()
