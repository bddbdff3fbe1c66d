# SPDX-License-Identifier: Apache-2.0
"""In every random history of users, API server and mail servers, invariants hold, and all ends well."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import looptime
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, RequestRefused
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import Watch, World, fails, passes

DAY = 86400
SECRET = Reference("Secret", "team-a", "smtp-password")

SPECS: list[dict[str, Any]] = [
    {"port": 587},
    {"port": 465},
    {"server": "other.example.com"},
    {"server": "smtp.example.com"},
    {"suspend": True},
    {"suspend": False},
    {"recheck": {"interval": "10m"}},
    {"recheck": {"interval": "0s"}},
    {"recheck": {"interval": "1h", "mode": "SendEmail"}},
    {"test": {"mode": "Login"}},
    {"test": {"mode": "SendEmail", "timeout": "90s"}},
    {"password": {"value": "s3cret-inline"}},
    {"password": {"secretRef": {"name": "smtp-password"}}},
    {"username": None, "password": None},
    {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}},
    {"preferredNotifications": ["None"]},
]
ANSWERS = [
    passes(),
    passes(seconds=5),
    passes(seconds=50),
    *(
        fails(reason, seconds=seconds)
        for reason in (
            Reason.CONNECT_TIMEOUT,
            Reason.CONNECTION_REFUSED,
            Reason.AUTHENTICATION_FAILED,
            Reason.TOO_MANY_LOGINS,
            Reason.GREYLISTED,
            Reason.HOST_NOT_FOUND,
            Reason.CERTIFICATE_UNTRUSTED,
            Reason.RELAY_DENIED,
            Reason.DATA_TIMEOUT,
        )
        for seconds in (0.2, 3.0)
    ),
]
ERRORS = [ApiUnavailable("503"), ApiUnavailable("429", retry_after=7.0), AccessDenied("403")]

Step = Callable[["History"], Awaitable[None] | None]


class History:
    """Two SmtpConfigs that share a Secret and a mail server, and all that befalls them."""

    def __init__(self, watch: Watch) -> None:
        self.world = World(watch=watch)
        self.mails = [self.world.smtp_config("first"), self.world.smtp_config("second")]
        self.starts = 0
        self.requests = 0
        self.passwords = 0

    async def begin(self) -> None:
        self.world.put_secret(password="s3cret-0")
        for mail in self.mails:
            mail.create_with_login()
        await self.start()

    async def start(self) -> None:
        self.starts += 1
        await self.world.start()

    async def end(self) -> None:
        """Everything is well again, and time enough has passed."""
        world = self.world
        world.cluster.faults.down = False
        world.cluster.faults.next.clear()
        world.cluster.faults.denied.clear()
        world.cluster.lag, world.cluster.latency = 0.01, 0.002
        world.engine.always(passes())
        world.engine.always(passes(), server="other.example.com")
        world.put_secret(password="s3cret-end")
        await world.passes(1.2 * DAY)


def edit(number: int, spec: dict[str, Any]) -> Step:
    def step(history: History) -> None:
        mail = history.mails[number]
        changes = dict(spec)
        if "password" in changes and changes["password"] is not None:
            changes.setdefault("username", "mailer")
        mail.edit(**changes)

    return step


def request(number: int) -> Step:
    def step(history: History) -> None:
        history.requests += 1
        history.mails[number].request_test(f"request {history.requests}")

    return step


def recreate(number: int) -> Step:
    def step(history: History) -> None:
        history.mails[number].delete()
        history.mails[number].create_with_login()

    return step


def answer(server: str, index: int) -> Step:
    return lambda history: history.world.engine.always(ANSWERS[index], server=server)


def new_password(manager: str) -> Step:
    def step(history: History) -> None:
        history.passwords += 1
        history.world.put_secret(password=f"s3cret-{history.passwords}", manager=manager)

    return step


def annotate(history: History) -> None:
    if SECRET in history.world.storage.objects:
        history.passwords += 1
        history.world.annotate_secret(note=str(history.passwords))


def take_secret_away(history: History) -> None:
    if SECRET in history.world.storage.objects:
        history.world.delete_secret()


def denied(yes: bool) -> Step:
    def step(history: History) -> None:
        history.world.cluster.faults.denied = {SECRET} if yes else set()

    return step


def down(yes: bool) -> Step:
    def step(history: History) -> None:
        history.world.cluster.faults.down = yes

    return step


def next_fails(call: Any, index: int) -> Step:
    return lambda history: history.world.cluster.fail_next(call, ERRORS[index])


def status_refused(history: History) -> None:
    history.world.cluster.fail_next("write_status", RequestRefused("422"))


def restart(after: float) -> Step:
    async def step(history: History) -> None:
        await history.world.stop()
        await history.world.passes(after)
        await history.start()

    return step


def relist(history: History) -> None:
    history.world.cluster.relist()


def lag(seconds: float) -> Step:
    def step(history: History) -> None:
        history.world.cluster.lag = seconds

    return step


def latency(seconds: float) -> Step:
    def step(history: History) -> None:
        history.world.cluster.latency = seconds

    return step


NUMBERS = st.integers(0, 1)
WATCHES: st.SearchStrategy[Watch] = st.sampled_from(["metadata", "metadata", "label", "none"])
STEPS = st.one_of(
    st.builds(edit, NUMBERS, st.sampled_from(SPECS)),
    st.builds(edit, NUMBERS, st.sampled_from(SPECS)),
    st.builds(request, NUMBERS),
    st.builds(recreate, NUMBERS),
    st.builds(
        answer,
        st.sampled_from(["smtp.example.com", "other.example.com"]),
        st.integers(0, len(ANSWERS) - 1),
    ),
    st.builds(new_password, st.sampled_from(["kubectl-create", "external-secrets"])),
    st.just(annotate),
    st.just(take_secret_away),
    st.builds(denied, st.booleans()),
    st.builds(down, st.booleans()),
    st.builds(
        next_fails, st.sampled_from(["get_object", "write_status", "get_smtp_config"]), st.integers(0, 2)
    ),
    st.just(status_refused),
    st.builds(restart, st.sampled_from([0.0, 2.0, 400.0])),
    st.just(relist),
    st.builds(lag, st.sampled_from([0.0, 0.01, 0.5, 3.0])),
    st.builds(latency, st.sampled_from([0.002, 0.1, 2.0])),
)
PAUSES = st.sampled_from([0.0, 0.005, 0.1, 0.9, 3.0, 12.0, 45.0, 400.0, 4000.0])
HISTORIES = st.lists(st.tuples(STEPS, PAUSES), max_size=25)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
@given(WATCHES, HISTORIES)
@example(
    # The new object is read before the late events of its predecessor arrive.
    "metadata",
    [
        (annotate, 0.0),
        (lag(0.5), 0.1),
        (new_password("external-secrets"), 0.1),
        (request(1), 0.005),
        (recreate(1), 400.0),
        (next_fails("get_smtp_config", 2), 0.1),
    ],
)
def test_any_history_ends_well(watch: Watch, steps: list[tuple[Step, float]]) -> None:
    errors = Errors()
    log = logging.getLogger("smtp_operator")
    log.addHandler(errors)
    try:
        with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(noop_cycles=0)) as runner:
            runner.run(live_through(watch, steps))
    finally:
        log.removeHandler(errors)
    assert errors.texts == []


async def live_through(watch: Watch, steps: list[tuple[Step, float]]) -> None:
    history = History(watch)
    await history.begin()
    for step, pause in steps:
        done = step(history)
        if done is not None:
            await done
        await history.world.passes(pause)
    await a_lasting_problem_costs_little(history)
    await history.end()
    nothing_is_left_undone(history)
    nothing_runs_hot(history)
    no_mail_is_sent_twice(history)
    await a_request_makes_good_settings_ready(history)
    await quiet_hours_are_quiet(history)
    await history.world.stop()
    assert history.world.complaints() == []


async def a_lasting_problem_costs_little(history: History) -> None:
    """Check that a lasting problem causes few calls, few tests and few emails."""
    world = history.world
    world.cluster.faults.down = False
    world.cluster.faults.next.clear()
    await world.passes(1800)
    nothing_is_left_undone(history)
    before = len(world.cluster.calls), len(world.runs)
    await world.passes(3600)
    after = len(world.cluster.calls), len(world.runs)
    assert after[0] - before[0] <= 60
    assert after[1] - before[1] <= 20


def nothing_is_left_undone(history: History) -> None:
    """Every generation has its verdict, every request its answer."""
    for mail in history.mails:
        assert mail.judged, mail.status
        asked = mail.object_["metadata"]["annotations"].get(TEST_REQUESTED_AT)
        assert mail.status.last_handled_test_request == asked


def nothing_runs_hot(history: History) -> None:
    """At most three tests in half a minute, requests aside; a restart forgets of how many it knew."""
    by_name = defaultdict(list)
    for run in history.world.runs:
        by_name[run.name].append(run.started)
    for starts in by_name.values():
        for start in starts:
            within = [it for it in starts if start <= it < start + 30]
            assert len(within) <= 6 + 3 * history.starts


def no_mail_is_sent_twice(history: History) -> None:
    """Only a crash that lost a result has it repeated; its Message-ID too, so that mailboxes see one."""
    ids = Counter(mail.message_id for mail in history.world.mails)
    assert sum(ids.values()) - len(ids) <= 2 * (history.starts - 1)


async def a_request_makes_good_settings_ready(history: History) -> None:
    """Check that a request proves good settings, whatever happened before."""
    for number, mail in enumerate(history.mails):
        mail.request_test(f"the last {number}")
    await history.world.passes(60)
    for mail in history.mails:
        assert mail.ready == "True", mail.status


async def quiet_hours_are_quiet(history: History) -> None:
    """With nothing to do, only rechecks happen."""
    history.world.forget()
    await history.world.passes(DAY / 4)
    assert all("tested regularly" in run.settings.body for run in history.world.runs)
    assert {call for call, _ in history.world.cluster.calls} <= {
        "get_smtp_config",
        "get_object",
        "write_status",
    }


class Errors(logging.Handler):
    """Collect error logs, each of which is a bug."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
