# SPDX-License-Identifier: Apache-2.0
"""Fields that a SmtpConfig leaves out have the values of the operator's flags."""

from dataclasses import replace
from typing import Any

import pytest

from smtp_operator.api.defaults import TestDefaults
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode
from smtp_testkit.simulation import SmtpConfig, World, fails

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR
OTHERS = TestDefaults(recheck_interval="6h", recheck_mode=Mode.CONNECT, test_timeout="2m")
NEVER = TestDefaults(recheck_interval="0s")


def with_flags(defaults: TestDefaults) -> World:
    world = World()
    world.policy = replace(world.policy, defaults=defaults)
    return world


async def restarted(world: World, defaults: TestDefaults, *, after: float = MINUTE) -> None:
    """Restart the operator with other flags; forget what was before."""
    await world.stop()
    world.policy = replace(world.policy, defaults=defaults)
    world.forget()
    await world.passes(after)
    await world.start()
    await world.passes(1)


def effective(mail: SmtpConfig) -> tuple[Any, ...]:
    shown = mail.status.effective
    assert shown is not None
    return shown.recheck_interval, shown.recheck_mode, shown.timeout


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ("1h", "Login", "45s")),
        ({"recheck": {"interval": "90m"}}, ("90m", "Login", "45s")),
        ({"recheck": {"mode": "SendEmail"}}, ("1h", "SendEmail", "45s")),
        ({"recheck": {"interval": "5m", "mode": "SendEmail"}}, ("15m", "SendEmail", "45s")),
        ({"recheck": {"interval": "0s"}, "test": {"timeout": "2m"}}, ("0s", "Login", "2m")),
        ({"test": {"mode": "Connect"}}, ("1h", "Connect", "45s")),
        ({"test": {"mode": "Envelope"}, "recheck": {"mode": "SendEmail"}}, ("1h", "Envelope", "45s")),
    ],
)
async def test_status_shows_what_applies(world: World, spec: dict[str, Any], expected: tuple[str]) -> None:
    mail = await world.ready(**spec)

    assert effective(mail) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ("6h", "Connect", "2m")),
        ({"recheck": {"interval": "1h"}}, ("1h", "Connect", "2m")),
        ({"recheck": {"mode": "Login"}}, ("6h", "Login", "2m")),
        ({"test": {"timeout": "45s"}}, ("6h", "Connect", "45s")),
    ],
)
async def test_flags_replace_the_defaults_and_spec_replaces_the_flags(
    spec: dict[str, Any], expected: tuple[str]
) -> None:
    world = with_flags(OTHERS)
    mail = await world.ready(**spec)

    assert effective(mail) == expected


async def test_tests_and_rechecks_run_by_the_flags() -> None:
    world = with_flags(OTHERS)
    mail = await world.ready()
    world.forget()
    assert mail.next_test_in is not None
    assert 6 * HOUR - 2 < mail.next_test_in < 6.7 * HOUR
    await world.passes(7 * HOUR)

    (recheck,) = mail.runs
    assert (recheck.settings.mode, recheck.settings.timeout) == (Mode.CONNECT, 120)


async def test_a_recheck_by_the_flag_is_never_deeper_than_test_mode() -> None:
    world = with_flags(replace(OTHERS, recheck_mode=Mode.SEND_EMAIL))
    mail = await world.ready(test={"mode": "Connect"})
    await world.passes(7 * HOUR)

    assert (mail.mode, effective(mail)[1], world.mails) == ("Connect", "Connect", [])


async def test_emails_by_the_flag_go_out_every_15_minutes_at_most() -> None:
    world = with_flags(TestDefaults(recheck_interval="1m", recheck_mode=Mode.SEND_EMAIL))
    mail = await world.ready()
    await world.passes(HOUR)

    assert effective(mail) == ("15m", "SendEmail", "45s")
    assert 3 <= len(world.mails) <= 4


async def test_no_rechecks_by_the_flag() -> None:
    world = with_flags(NEVER)
    mail = await world.ready()
    await world.passes(30 * DAY)

    assert (mail.next_test_in, mail.runs, effective(mail)[0]) == (None, [], "0s")


async def test_a_restart_with_the_same_flags_writes_nothing(world: World) -> None:
    await world.ready()
    await restarted(world, world.policy.defaults)

    assert (world.runs, world.writes) == ([], [])


@pytest.mark.parametrize("others", [OTHERS, NEVER, TestDefaults(recheck_interval="1m")])
async def test_other_flags_apply_from_the_next_scheduled_test_on(world: World, others: TestDefaults) -> None:
    mail = await world.ready()
    due = mail.status.next_test_time
    await restarted(world, others)
    assert (world.runs, world.writes, mail.status.next_test_time) == ([], [], due)
    assert effective(mail) == ("1h", "Login", "45s")

    await world.passes((mail.next_test_in or 0) + 1)
    assert [it.settings.mode for it in mail.runs] == [others.recheck_mode]
    assert effective(mail) == (others.recheck_interval, others.recheck_mode, others.test_timeout)
    assert (mail.next_test_in is None) == (others is NEVER)


async def test_a_much_shorter_interval_makes_no_test_earlier() -> None:
    world = with_flags(TestDefaults(recheck_interval="720h"))
    mail = await world.ready()
    await restarted(world, TestDefaults())
    await world.passes(29 * DAY)

    assert (mail.runs, world.writes) == ([], [])


async def test_other_flags_apply_at_once_if_no_test_is_scheduled() -> None:
    world = with_flags(NEVER)
    mail = await world.ready()
    await restarted(world, TestDefaults(), after=30 * DAY)
    assert (world.runs, len(world.writes)) == ([], 1)
    assert effective(mail) == ("1h", "Login", "45s")
    assert mail.next_test_in is not None
    assert HOUR - 2 < mail.next_test_in < 1.1 * HOUR

    await world.passes(1.1 * HOUR)
    assert (len(mail.runs), mail.trigger, mail.mode, world.mails) == (1, "Recheck", "Login", [])


async def test_other_flags_without_a_schedule_are_shown_at_the_start() -> None:
    world = with_flags(NEVER)
    mail = await world.ready()
    await restarted(world, replace(NEVER, test_timeout="2m"))
    assert (world.runs, len(world.writes)) == ([], 1)
    assert (effective(mail), mail.next_test_in) == (("0s", "Login", "2m"), None)

    await restarted(world, world.policy.defaults)
    assert (world.runs, world.writes) == ([], [])


async def test_failed_settings_without_a_schedule_too() -> None:
    world = with_flags(NEVER)
    world.engine.always(fails(Reason.CERTIFICATE_UNTRUSTED))
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(1)
    assert (mail.reason, mail.next_test_in) == ("CertificateUntrusted", None)
    await restarted(world, TestDefaults(), after=2 * DAY)
    assert (world.runs, effective(mail)[0]) == ([], "1h")
    assert mail.next_test_in is not None
    assert HOUR - 2 < mail.next_test_in <= HOUR


async def test_a_suspended_object_without_a_schedule_too() -> None:
    world = with_flags(NEVER)
    await world.start()
    mail = world.smtp_config().create(suspend=True)
    await world.passes(1)
    assert effective(mail) == ("0s", "Login", "45s")
    await restarted(world, OTHERS)
    assert (effective(mail), mail.reason, world.runs) == (("6h", "Connect", "2m"), "Suspended", [])

    await restarted(world, OTHERS)
    assert world.writes == []


async def test_the_status_of_an_older_release_is_not_written_at_the_start(world: World) -> None:
    mail = await world.ready(
        recheck={"interval": "1h", "mode": "Login"}, test={"mode": "SendEmail", "timeout": "45s"}
    )
    del mail.object_["status"]["effective"]
    await restarted(world, OTHERS)
    assert (world.runs, world.writes, mail.status.effective) == ([], [], None)

    await world.passes((mail.next_test_in or 0) + 1)
    assert (mail.triggers, world.mails) == (["Recheck"], [])
    assert effective(mail) == ("1h", "Login", "45s")


async def test_removing_the_stored_values_applies_the_flags_without_a_test() -> None:
    world = with_flags(OTHERS)
    mail = await world.ready(
        recheck={"interval": "1h", "mode": "Login"}, test={"mode": "SendEmail", "timeout": "45s"}
    )
    mail.edit(recheck=None, test={"mode": "SendEmail"})
    await world.passes(1)

    assert effective(mail) == ("6h", "Connect", "2m")
    assert (world.runs, mail.ready) == ([], "True")
    assert mail.next_test_in is not None
    assert mail.next_test_in > 5 * HOUR


async def test_an_invalid_spec_shows_no_values(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(1)

    assert (mail.reason, mail.status.effective) == ("InvalidSpec", None)


@pytest.mark.parametrize("stored", [{}, {"recheckInterval": "soon"}, {"recheckInterval": None}])
async def test_values_that_a_later_release_wrote_do_no_harm(world: World, stored: dict[str, Any]) -> None:
    mail = await world.ready()
    mail.object_["status"]["effective"] = stored
    await restarted(world, OTHERS)
    assert world.runs == []

    await world.passes((mail.next_test_in or 0) + 1)
    assert effective(mail) == ("6h", "Connect", "2m")
