# SPDX-License-Identifier: Apache-2.0
"""The condition SenderAuthentication: when records are read, and that nothing waits for them."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.smtpconfig.sender import CheckSender, SenderState, next_step, sender_condition
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.sender_authentication.report import Findings, Problem, Sender, SenderReport
from smtp_testkit.simulation import SmtpConfig, World, fails

CONDITION = "SenderAuthentication"
MINUTE, DAY = 60.0, 24 * 3600.0
GOOD = (Findings(found="an SPF record"),)
NO_SPF = (Findings(problem=Problem(Reason.NO_SPF_RECORD, "No SPF.")),)
UNREAD = (Findings(unread="DNS is silent."),)


class Records:
    """Reads of the records, which a test scripts."""

    def __init__(self, world: World, *, after: float = 0.1) -> None:
        self.findings: tuple[Findings, ...] = GOOD
        self.after = after
        self.read: list[tuple[float, Sender, str]] = []
        self._world = world
        world.senders = self

    def request(self, sender: Sender, namespace: str, done: Callable[[SenderReport], None]) -> None:
        self.read.append((self._world.time(), sender, namespace))
        report = SenderReport(sender, self.findings)
        asyncio.get_running_loop().call_later(self.after, done, report)

    @property
    def times(self) -> list[float]:
        return [at for at, *_ in self.read]


def edit_from(mail: SmtpConfig, address: str) -> None:
    changes: dict[str, Any] = {"from": address}
    mail.edit(**changes)


async def tested(world: World, **spec: Any) -> SmtpConfig:
    await world.start()
    mail = world.smtp_config().create(**spec)
    await world.passes(5)
    return mail


def state_of(mail: SmtpConfig) -> tuple[str, str, str] | None:
    found = mail.condition(CONDITION)
    return None if found is None else (found.status, found.reason, found.message)


async def test_records_are_read_with_the_test_and_are_in_its_status(world: World) -> None:
    records = Records(world)
    mail = await tested(world)
    assert [(sender, namespace) for _, sender, namespace in records.read] == [
        (Sender("example.com", "smtp.example.com"), "team-a")
    ]
    assert state_of(mail) == ("True", "RecordsPresent", "example.com has an SPF record.")
    assert (mail.ready, len(mail.writes)) == ("True", 1)


async def test_slow_dns_delays_no_verdict(world: World) -> None:
    records = Records(world, after=9)
    records.findings = NO_SPF
    mail = await tested(world)
    assert (mail.ready, state_of(mail)) == ("True", None)
    await world.passes(10)
    assert (mail.ready, state_of(mail)) == ("True", ("False", "NoSpfRecord", "No SPF."))
    assert len(mail.writes) == 2


async def test_a_failed_test_has_the_condition_too(world: World) -> None:
    Records(world)
    world.engine.always(fails(Reason.RELAY_DENIED))
    mail = await tested(world)
    assert mail.ready == "False"
    assert state_of(mail) == ("True", "RecordsPresent", "example.com has an SPF record.")


async def test_records_are_read_once_a_day_and_an_unchanged_result_is_not_written(world: World) -> None:
    records = Records(world)
    mail = await tested(world, recheck={"interval": "0s"})
    await world.passes(7 * DAY)
    assert len(records.read) in (8, 9)
    assert len(mail.writes) == 1
    records.findings = NO_SPF
    await world.passes(DAY)
    assert state_of(mail) == ("False", "NoSpfRecord", "No SPF.")
    assert (len(mail.writes), mail.runs.__len__()) == (2, 1)


async def test_a_recheck_that_is_less_deep_reads_nothing(world: World) -> None:
    records = Records(world)
    await tested(world, recheck={"interval": "1h", "mode": "Login"})
    await world.passes(5 * 3600)
    assert len(world.runs) > 4
    assert len(records.read) <= 2  # the test, and perhaps the time of the day


async def test_a_requested_test_reads_again(world: World) -> None:
    records = Records(world)
    mail = await tested(world)
    records.findings = NO_SPF
    mail.request_test()
    await world.passes(120)
    assert state_of(mail) == ("False", "NoSpfRecord", "No SPF.")


async def test_what_could_not_be_read_is_read_again_after_ten_minutes(world: World) -> None:
    records = Records(world)
    records.findings = UNREAD
    mail = await tested(world)
    assert state_of(mail) == ("Unknown", "DnsUnavailable", "DNS is silent.")
    records.findings = GOOD
    await world.passes(10 * MINUTE)
    assert state_of(mail) == ("True", "RecordsPresent", "example.com has an SPF record.")
    assert len(records.read) == 2


async def test_another_from_domain_has_another_condition(world: World) -> None:
    records = Records(world, after=3)
    mail = await tested(world)
    edit_from(mail, "a@example.org")
    await world.passes(1)
    assert (mail.ready, state_of(mail)) == ("True", None)
    await world.passes(5)
    assert state_of(mail) == ("True", "RecordsPresent", "example.org has an SPF record.")
    edit_from(mail, "a@host.internal")
    await world.passes(5)
    assert state_of(mail) is None
    assert len(records.read) == 2


async def test_a_result_for_settings_of_before_is_dropped(world: World) -> None:
    records = Records(world, after=20)
    mail = await tested(world)
    edit_from(mail, "a@host.internal")
    await world.passes(60)
    assert state_of(mail) is None
    assert len(records.read) == 1


@pytest.mark.parametrize("from_", ["a@localhost", "a@host.local", "a@corp.example", "A <a@b.test>"])
async def test_private_domains_are_not_looked_up(world: World, from_: str) -> None:
    records = Records(world)
    mail = await tested(world, **{"from": from_})
    await world.passes(2 * DAY)
    assert (records.read, state_of(mail)) == ([], None)


async def test_an_international_domain_is_looked_up_by_its_a_label(world: World) -> None:
    records = Records(world)
    await tested(world, **{"from": "a@München.Example.COM"})
    assert records.read[0][1].domain == "xn--mnchen-3ya.example.com"


async def test_a_suspended_object_is_left_alone(world: World) -> None:
    records = Records(world)
    mail = await tested(world)
    records.findings = NO_SPF
    mail.edit(suspend=True)
    await world.passes(3 * DAY)
    assert len(records.read) == 1
    assert state_of(mail) == ("True", "RecordsPresent", "example.com has an SPF record.")


async def test_a_restart_reads_no_records_at_once_and_writes_nothing(world: World) -> None:
    records = Records(world)
    mail = await tested(world, recheck={"interval": "0s"})
    before = len(mail.writes)
    await world.restart()
    await world.passes(1)
    assert (len(records.read), len(mail.writes)) == (1, before)
    await world.passes(DAY)
    assert (len(records.read), len(mail.writes)) == (2, before)


async def test_frequent_restarts_skip_no_check(world: World) -> None:
    records = Records(world)
    await tested(world, recheck={"interval": "0s"})
    for _ in range(12):
        await world.passes(DAY / 4)
        await world.restart()
    assert 3 <= len(records.read) <= 5


async def test_objects_of_an_older_release_get_it_within_ten_minutes(world: World) -> None:
    mail = await tested(world, recheck={"interval": "0s"})
    assert state_of(mail) is None
    records = Records(world)
    await world.restart()
    await world.passes(10 * MINUTE)
    assert state_of(mail) == ("True", "RecordsPresent", "example.com has an SPF record.")
    assert (len(records.read), len(mail.runs)) == (1, 1)


async def test_it_is_removed_if_the_operator_reads_no_records_any_more(world: World) -> None:
    Records(world)
    mail = await tested(world)
    world.senders = None
    await world.restart()
    await world.passes(5)
    assert (mail.ready, state_of(mail)) == ("True", None)


async def test_the_transition_time_changes_only_with_the_status(world: World) -> None:
    records = Records(world)
    mail = await tested(world, recheck={"interval": "0s"})
    first = mail.condition(CONDITION)
    records.findings = (Findings(found="an SPF record"), Findings(found="a mail exchanger"))
    await world.passes(2 * DAY)
    second = mail.condition(CONDITION)
    assert first is not None
    assert second is not None
    assert second == replace_message(first, "example.com has an SPF record and a mail exchanger.")


def replace_message(condition: Any, message: str) -> Any:
    return condition.model_copy(update={"message": message})


async def test_where_a_receiver_has_seen_dmarc_pass_missing_spf_is_a_note(world: World) -> None:
    records = Records(world)
    records.findings = (*NO_SPF, Findings(found="a DMARC policy"))
    mail = await tested(world)
    assert state_of(mail) == ("False", "NoSpfRecord", "No SPF.")

    object_ = copy.deepcopy(mail.object_)
    object_["status"]["delivery"] = {"dmarc": "pass"}
    snapshot, state = snapshot_of(object_), SenderState(enabled=True, checked_at=world.time())
    assert isinstance(next_step(snapshot, state, now=world.time(), started=world.time()), CheckSender)

    state.report = SenderReport(records.read[0][1], records.findings)
    found = sender_condition(snapshot, state, world.time())
    assert found is not None
    assert (found.status, found.reason, found.message) == (
        "True",
        "RecordsPresent",
        "example.com has a DMARC policy. The receiver says that DMARC passes, so SPF is not needed. No SPF.",
    )


async def test_a_receiver_that_has_seen_dmarc_fail_changes_nothing(world: World) -> None:
    Records(world).findings = NO_SPF
    mail = await tested(world)
    object_ = copy.deepcopy(mail.object_)
    object_["status"]["delivery"] = {"dmarc": "fail"}
    state = SenderState(enabled=True, checked_at=world.time())
    step = next_step(snapshot_of(object_), state, now=world.time(), started=world.time())
    assert isinstance(step, float)
    assert step > world.time()
