# SPDX-License-Identifier: Apache-2.0
"""Over any sequence of edits, rotations, failures and restarts, the Secret is one proven tuple or absent.

Nothing is written without the consent of the source's owner, nor over a Secret of someone else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import looptime
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError
from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import Answer, Watch, World, fails, passes

SECRET: Final = Reference("Secret", "team-a", "proven")
SOURCE: Final = Reference("Secret", "team-a", "smtp-password")
KEYS: Final = [
    {"name": "tuple", "field": "Uri"},
    {"name": "host", "field": "Host"},
    {"name": "password", "field": "Password"},
]
BY_HAND: Final = {"password": "by hand"}
THEIRS: Final = {"password": "theirs"}
SERVERS: Final = "smtp-operator.io/allowed-servers"
ALLOW: Final = "smtp-operator.io/allow-publish"
UNBOUND: Final[dict[str, str | None]] = {SERVERS: None, ALLOW: "true"}
JUST_NOW: Final = 0.1
"""Seconds in which a change can come between the last read and the write."""
BOUND: Final = "other.example.com:587,smtp.example.com:587"

Step = Callable[["History"], Awaitable[None] | None]


class History:
    """A SmtpConfig whose mail servers accept some passwords, and everything that happens to it."""

    def __init__(self, watch: Watch) -> None:
        self.world = World(ReconcilePolicy(publishes=True), watch=watch)
        self.mail = self.world.smtp_config()
        self.passwords = 0
        self.proven: set[tuple[str, str]] = set()
        """Server and password of each test that passed, as deep as a login."""
        self.world.engine.always(self._answer)
        self.world.engine.always(self._answer, server="other.example.com")
        self.world.storage.on_object = self._watched(self.world.storage.on_object)
        self.unproven: list[dict[str, str]] = []
        self.writes = 0
        self.forbidden: list[str] = []
        self.sources: list[tuple[float, dict[str, str]]] = [(0.0, {})]
        """The annotations of the source, each with the time of the change."""
        self.theirs: set[str] = set()
        """The uids of the Secrets of someone else."""

    def _answer(self, settings: TestRequest) -> Answer:
        assert settings.login is not None
        if "bad" in settings.login.password:
            return fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8")
        if settings.mode != "Connect":
            self.proven.add((settings.server, settings.login.password))
        return passes(seconds=0.5)

    def _watched(self, deliver: Callable[..., None]) -> Callable[..., None]:
        def changed(change: Any, reference: Reference, object_: Any) -> None:
            if reference == SECRET and change != "DELETED":
                self.check()
            if reference == SOURCE:
                found = object_["metadata"].get("annotations") or {}
                self.sources.append((self.world.time(), found))
            if len(self.world.secret_writes) > self.writes:
                self.writes = len(self.world.secret_writes)
                self.check_write(object_)
            deliver(change, reference, object_)

        return changed

    def check(self) -> None:
        """Record content of the Secret that no test has proven."""
        found = self.world.published()
        if found is None or found in (BY_HAND, THEIRS):
            return
        host, password = found["host"], found["password"]
        whole = f"smtp://mailer:{password}@{host}:587"
        if (host, password) not in self.proven or found["tuple"] != whole:
            self.unproven.append(found)

    def is_theirs(self, secret: Any) -> bool:
        """Return whether someone else created this Secret."""
        return secret is not None and secret["metadata"]["uid"] in self.theirs

    def check_write(self, secret: Any) -> None:
        """Record a write over a Secret of others, or without the consent or the binding of the source."""
        write = self.world.secret_writes[-1]
        if self.is_theirs(secret):
            self.forbidden.append(f"{write.verb} of a Secret of someone else")
        if write.verb == "delete":
            return
        since = self.world.time() - JUST_NOW
        valid = [it for at, it in self.sources if at >= since] + [
            it for at, it in self.sources if at < since
        ][-1:]
        if not any(it.get(ALLOW) == "true" or SERVERS not in it for it in valid):
            self.forbidden.append(f"{write.verb} without consent")
        if write.annotations.get(SERVERS) not in {it.get(SERVERS) for it in valid}:
            self.forbidden.append(f"{write.verb} with {write.annotations}")


def rotate(good: bool) -> Step:
    def step(history: History) -> None:
        history.passwords += 1
        kind = "good" if good else "bad"
        history.world.put_secret(password=f"{kind}-{history.passwords}")

    return step


def edit(**spec: Any) -> Step:
    return lambda history: history.mail.edit(**spec)


def by_hand(history: History) -> None:
    if SECRET in history.world.storage.objects:
        history.world.put_secret("proven", manager="kubectl-edit", data=BY_HAND)


def delete_published(history: History) -> None:
    if SECRET in history.world.storage.objects:
        history.world.delete_secret("proven")


def bind(annotations: dict[str, str | None]) -> Step:
    return lambda history: history.world.annotate_secret("smtp-password", **annotations)


def unbind_copy(history: History) -> None:
    if SECRET in history.world.storage.objects:
        history.world.annotate_secret("proven", **UNBOUND)


def take_the_name(history: History) -> None:
    delete_published(history)
    history.world.put_secret("proven", manager="kubectl-create", data=THEIRS)
    history.theirs.add(history.world.storage.objects[SECRET]["metadata"]["uid"])


def annotate(history: History) -> None:
    history.passwords += 1
    history.world.annotate_secret(note=str(history.passwords))


def restart(after: float) -> Step:
    async def step(history: History) -> None:
        await history.world.stop()
        await history.world.passes(after)
        await history.world.start()

    return step


def recreate(history: History) -> None:
    history.mail.delete()
    history.world.storage.collect_garbage()
    create(history)


def create(history: History) -> None:
    history.mail.create(
        username="mailer",
        password={"secretRef": {"name": "smtp-password"}},
        recheck={"interval": "10m"},
        publish={"secretName": "proven", "keys": KEYS},
    )


def fail_next(call: Any, error: ClusterError) -> Step:
    return lambda history: history.world.cluster.fail_next(call, error)


STEPS = st.one_of(
    st.builds(rotate, st.booleans()),
    st.builds(rotate, st.booleans()),
    st.sampled_from(
        [
            edit(server="other.example.com"),
            edit(server="smtp.example.com"),
            edit(test={"mode": "Login"}),
            edit(recheck={"interval": "1h", "mode": "Connect"}),
            edit(suspend=True),
            edit(suspend=False),
            edit(publish=None),
            edit(publish={"secretName": "proven", "keys": KEYS}),
            edit(publish={"secretName": "proven", "keys": KEYS, "type": "Opaque"}),
            edit(publish={"secretName": "renamed", "keys": KEYS}),
            bind({SERVERS: BOUND}),
            bind({SERVERS: BOUND, ALLOW: "true"}),
            bind({ALLOW: "true"}),
            bind({ALLOW: "false"}),
            bind({SERVERS: None}),
            unbind_copy,
            take_the_name,
            by_hand,
            delete_published,
            annotate,
            recreate,
            restart(0.0),
            restart(3.0),
        ]
    ),
    st.builds(
        fail_next,
        st.sampled_from(["read_secret", "write_secret", "delete_secret", "write_status", "get_object"]),
        st.sampled_from([ApiUnavailable("503"), AccessDenied("403")]),
    ),
)
PAUSES = st.sampled_from([0.0, 0.003, 0.02, 0.3, 0.51, 0.52, 2.0, 20.0, 90.0, 900.0])
WATCHES: st.SearchStrategy[Watch] = st.sampled_from(["metadata", "metadata", "label", "none"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(WATCHES, st.lists(st.tuples(STEPS, PAUSES), max_size=25))
@example(
    # The Secret is edited while new settings wait for their test.
    "metadata",
    [
        (edit(server="other.example.com"), 2.0),
        (rotate(False), 0.0),
        (by_hand, 0.02),
        (edit(server="smtp.example.com"), 0.0),
    ],
)
def test_the_secret_is_one_proven_tuple_or_absent(watch: Watch, steps: list[tuple[Step, float]]) -> None:
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(noop_cycles=0)) as runner:
        runner.run(live_through(watch, steps))


async def live_through(watch: Watch, steps: list[tuple[Step, float]]) -> None:
    history = History(watch)
    world = history.world
    world.put_secret(password="good-0")
    create(history)
    await world.start()
    for step, pause in steps:
        done = step(history)
        if done is not None:
            await done
        await world.passes(pause)
    await all_ends_well(history)
    await world.stop()
    assert history.unproven == []
    assert history.forbidden == []
    assert world.complaints() == []


async def all_ends_well(history: History) -> None:
    """Once a good password is stored and nothing fails, the Secret has it within the next rechecks."""
    world = history.world
    world.cluster.faults.next.clear()
    if history.is_theirs(world.storage.objects.get(SECRET)):
        world.delete_secret("proven")
    world.annotate_secret(**{ALLOW: "true"})
    world.put_secret(password="good-end")
    history.mail.edit(suspend=False, publish={"secretName": "proven", "keys": KEYS})
    await world.passes(3 * 3600)
    assert history.mail.conditions["Published"] == ("True", "Published")
    assert (world.published() or {})["password"] == "good-end"
    before = len(world.secret_writes)
    await world.passes(6 * 3600)
    assert len(world.secret_writes) == before
