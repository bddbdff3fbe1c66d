# SPDX-License-Identifier: Apache-2.0
"""Rule 2: a transient failure of a recheck leaves Ready True until failures have lasted for recheck.interval
(at least 10 min and 3 in a row); only lastTest and nextTestTime report it.

A transient failure of the first test of these settings is Ready=False, Failed, Reconciling. A recheck never
sets Reconciling.
"""

from itertools import pairwise

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

MINUTE = 60
HOUR = 3600
RECHECKED = 1.2 * HOUR

TRANSIENT = [
    Reason.CONNECT_TIMEOUT,
    Reason.CONNECTION_REFUSED,
    Reason.SERVICE_CLOSING,
    Reason.TOO_MANY_LOGINS,
    Reason.CERTIFICATE_EXPIRED,
    Reason.GREYLISTED,
    Reason.DNS_UNAVAILABLE,
    Reason.TOTAL_BUDGET_EXCEEDED,
    Reason.INTERNAL_ERROR,
]


@pytest.mark.parametrize("reason", TRANSIENT)
async def test_a_transient_failure_of_a_recheck_leaves_ready_true(world: World, reason: Reason) -> None:
    mail = await world.ready(recheck={"mode": "SendEmail"})
    world.engine.script(fails(reason))
    await world.passes(HOUR * 1.101)
    assert [run.mode for run in mail.runs[:1]] == ["SendEmail"]
    assert mail.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


async def test_only_last_test_and_next_test_time_report_it(world: World) -> None:
    mail = await world.ready()
    proven = mail.status
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(RECHECKED)
    changed = mail.status
    assert changed.last_test is not None
    assert changed.last_test.phases[-1].name == "Connect"
    assert changed.last_test.dialogue == ["S: 220 mx.example.com ESMTP", "C: EHLO example.com"]
    untold = {"last_test", "next_test_time"}
    assert changed.model_dump(exclude=untold) == proven.model_dump(exclude=untold)


async def test_it_is_rechecked_after_growing_delays(world: World) -> None:
    mail = await world.ready()
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(RECHECKED)
    starts = [run.started for run in mail.runs[:4]]
    for (earlier, later), least in zip(pairwise(starts), (30, 60, 120), strict=True):
        assert least <= later - earlier <= least * 1.1 + 2
    assert {run.mode for run in mail.runs} == {"Login"}


async def test_a_long_recheck_does_not_set_reconciling(world: World) -> None:
    mail = await world.ready()
    world.engine.script(passes(seconds=30))
    await world.passes(RECHECKED)
    assert len(mail.runs) == 1
    assert [{it["type"] for it in write.status["conditions"]} for write in mail.writes] == [
        {"Ready", "PasswordResolved"}
    ]


async def test_two_failures_are_borne_however_long_they_last(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    world.engine.always(fails(Reason.TOO_MANY_LOGINS))  # asked again after 15, then 30 minutes
    await world.passes(40 * MINUTE)
    assert len(mail.runs) == 2
    assert mail.ready == "True"


async def test_the_third_failure_in_a_row_withdraws_the_verdict(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    world.engine.always(fails(Reason.TOO_MANY_LOGINS))
    await world.passes(60 * MINUTE)
    assert len(mail.runs) == 3
    assert mail.conditions["Ready"] == ("False", "TooManyLogins")


async def test_failures_are_borne_for_ten_minutes_whatever_the_interval(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(66)
    first = mail.runs[0].started
    while mail.ready == "True":
        await world.passes(1)
    assert len(mail.runs) > 3
    assert world.time() - first >= 10 * MINUTE


async def test_failures_are_borne_for_recheck_interval(world: World) -> None:
    mail = await world.ready(recheck={"interval": "2h"})
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(2 * HOUR * 1.1)
    first = mail.runs[0].started
    while mail.ready == "True":
        await world.passes(MINUTE)
    assert 2 * HOUR <= world.time() - first <= 2 * HOUR + 40 * MINUTE


async def test_a_success_in_between_restarts_the_count(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    slow = fails(Reason.TOO_MANY_LOGINS)
    world.engine.script(slow, slow, passes(), slow, slow, passes())
    await world.passes(120 * MINUTE)
    assert len(mail.runs) > 6
    assert {write.status["conditions"][0]["status"] for write in mail.writes} == {"True"}


async def test_what_withdrew_the_verdict_is_retried(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    world.engine.always(fails(Reason.CONNECT_TIMEOUT))
    await world.passes(30 * MINUTE)
    assert mail.conditions == {
        "Ready": ("False", "ConnectTimeout"),
        "Failed": ("True", "ConnectTimeout"),
        "Reconciling": ("True", "ProgressingWithRetry"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


@pytest.mark.parametrize("reason", TRANSIENT)
async def test_a_transient_failure_of_the_first_test_fails(world: World, reason: Reason) -> None:
    await world.start()
    world.engine.script(fails(reason))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions == {
        "Ready": ("False", reason),
        "Failed": ("True", reason),
        "Reconciling": ("True", "ProgressingWithRetry"),
        "PasswordResolved": ("True", "PasswordRead"),
    }


async def test_a_transient_failure_of_changed_settings_fails(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT), server="other.example.com")
    mail.edit(server="other.example.com")
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", "ConnectTimeout")
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")


async def test_a_transient_failure_of_a_requested_test_fails(world: World) -> None:
    """A request is not a recheck, so its failure is reported."""
    mail = await world.ready()
    await world.passes(10)
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    mail.request_test()
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", "ConnectTimeout")


@pytest.mark.parametrize(
    "reason", [Reason.AUTHENTICATION_FAILED, Reason.CERTIFICATE_UNTRUSTED, Reason.FROM_ADDRESS_REJECTED]
)
async def test_other_failures_of_a_recheck_withdraw_the_verdict_at_once(world: World, reason: Reason) -> None:
    mail = await world.ready(recheck={"mode": "SendEmail"})
    world.engine.script(fails(reason))
    await world.passes(HOUR * 1.101)
    assert mail.conditions["Ready"] == ("False", reason)
    assert mail.conditions["Stalled"] == ("True", reason)


async def test_a_restart_costs_patience_and_no_verdict(world: World) -> None:
    mail = await world.ready(recheck={"interval": "1m"})
    world.engine.always(fails(Reason.TOO_MANY_LOGINS))
    await world.passes(40 * MINUTE)
    await world.restart()
    await world.passes(40 * MINUTE)
    assert len(mail.runs) == 4
    assert mail.ready == "True"


async def test_a_secret_that_may_not_be_read_any_more_withdraws_the_verdict_at_once(world: World) -> None:
    """A failed read is not a failure of the mail server, so the verdict does not survive it."""
    mail = await world.ready()
    world.cluster.faults.denied.add(world.put_secret(password="s3cret-1"))
    await world.passes(RECHECKED)
    assert mail.conditions == {
        "Ready": ("False", "SecretAccessDenied"),
        "Failed": ("True", "SecretAccessDenied"),
        "Reconciling": ("True", "ProgressingWithRetry"),
        "PasswordResolved": ("False", "SecretAccessDenied"),
    }
