# SPDX-License-Identifier: Apache-2.0
"""A SmtpTest sends at most one email, whatever ends the operator at any moment."""

import pytest

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes
from smtp_testkit.simulation.smtp_tests import SETTINGS, SmtpTest
from smtp_testkit.simulation.vaults import vault_verdict
from smtp_testkit.simulation.world import LOGIN


async def test_a_passed_test_sends_one_email_and_is_ready(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(5)
    assert once.conditions == {"Ready": ("True", "TestEmailSent")}
    assert [it.message_id for it in world.mails] == [
        once.status.last_test and once.status.last_test.message_id
    ]
    assert once.status.observed_generation == 1
    assert once.status.current_test is None
    await world.passes(7 * 24 * 3600)
    assert len(world.mails) == 1


async def test_before_data_the_status_records_the_message_id(world: World) -> None:
    world.engine.always(passes(seconds=5))
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(2)
    current = once.status.current_test
    assert current is not None
    assert (current.phase, current.message_id) == ("Data", world.mails[0].message_id)
    assert once.conditions == {"Ready": ("Unknown", "Testing"), "Reconciling": ("True", "Testing")}
    assert world.cluster.status_writes[0].at <= world.mails[0].at


async def test_an_operator_killed_in_data_leaves_interrupted(world: World) -> None:
    world.engine.always(passes(seconds=5))
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(2)
    await world.restart(after=10)
    await world.passes(60)
    assert len(world.mails) == 1
    assert once.conditions == {
        "Ready": ("False", "Interrupted"),
        "Failed": ("True", "Interrupted"),
        "Stalled": ("True", "Interrupted"),
    }
    (mail,) = world.mails
    assert once.message == (
        f"The operator stopped while the email with Message-ID {mail.message_id} was sent [in Data];"
        " the mail server may have accepted it. Check whether the email has arrived. If not, create another"
        " SmtpTest."
    )


async def test_kills_at_every_moment_send_at_most_one_email() -> None:
    ends = []
    for step in range(60):
        world = World()
        world.engine.slow_phases = 0.2
        await world.start()
        once = SmtpTest(world).create()
        await world.passes(step * 0.05)
        await world.restart(after=1)
        await world.passes(60)
        assert len(world.mails) <= 1, step
        ends.append(once.reason)
        await world.stop()
        assert world.complaints() == []
    sent, in_data = ends.index("Interrupted"), ends.count("Interrupted")
    assert ends == ["TestEmailSent"] * sent + ["Interrupted"] * in_data + ["TestEmailSent"] * (
        60 - sent - in_data
    )
    assert in_data < 10


async def test_a_lost_status_write_after_the_email_is_repeated_not_the_email(world: World) -> None:
    world.engine.always(passes(seconds=1))
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(0.5)
    world.cluster.fail_next("write_status", ApiUnavailable("503"), ApiUnavailable("503"))
    await world.passes(60)
    assert (len(world.mails), once.reason) == (1, "TestEmailSent")


async def test_an_operator_that_finds_the_record_of_another_one_sends_nothing(world: World) -> None:
    """Another replica has recorded its email while this one was on its way to DATA."""
    world.engine.slow_phases = 0.2
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(1)
    status = {
        "observedGeneration": -1,
        "currentTest": {"trigger": "Requested", "phase": "Data", "startTime": "2026-11-18T11:06:41.000000Z"},
    }
    world.storage.put_status_of(once.reference, status)
    await world.passes(60)
    assert world.mails == []


async def test_a_change_of_metadata_does_not_stop_the_email(world: World) -> None:
    world.engine.slow_phases = 0.2
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(0.5)
    once.annotate(owner="team-a")
    await world.passes(60)
    assert (len(world.mails), once.reason) == (1, "TestEmailSent")


async def test_deletion_cancels_before_data(world: World) -> None:
    world.engine.slow_phases = 0.2
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(1)
    once.delete()
    await world.passes(60)
    assert len(world.runs) == 1
    assert world.runs[0].ended is None
    assert world.mails == []


async def test_deletion_that_a_finalizer_delays_cancels_too(world: World) -> None:
    world.engine.slow_phases = 0.2
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(1)
    world.storage.terminate(once.reference)
    await world.passes(60)
    assert world.mails == []


async def test_deletion_whose_event_is_late_cancels_too(world: World) -> None:
    world.engine.slow_phases = 0.2
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(1)
    world.cluster.deaf = True
    once.delete()
    await world.passes(60)
    assert world.mails == []


@pytest.mark.parametrize(
    "reason",
    [
        Reason.GREYLISTED,
        Reason.CONNECTION_REFUSED,
        Reason.DNS_UNAVAILABLE,
        Reason.AUTHENTICATION_FAILED,
        Reason.MESSAGE_REJECTED,
        Reason.DATA_TIMEOUT,
        Reason.TOO_MANY_LOGINS,
    ],
)
async def test_a_failure_is_final_at_once(world: World, reason: Reason) -> None:
    world.engine.script(fails(reason))
    world.put_secret(password="s3cret-1")
    await world.start()
    once = SmtpTest(world).create(settings={**SETTINGS, **LOGIN})
    await world.passes(5)
    expected = {kind: (status, str(reason)) for kind, status in _FAILED.items()}
    assert once.conditions == expected | {"PasswordResolved": ("True", "PasswordRead")}
    await world.passes(2 * 24 * 3600)
    assert len(world.runs) == 1
    assert once.status.next_test_time is None


_FAILED = {"Ready": "False", "Failed": "True", "Stalled": "True"}


async def test_a_missing_secret_fails_at_once(world: World) -> None:
    await world.start()
    once = SmtpTest(world).create(settings={**SETTINGS, **LOGIN})
    await world.passes(5)
    assert once.reason == "SecretNotFound"
    assert once.message == (
        "Secret team-a/smtp-password does not exist (named by spec.settings.password.secretRef). Create it."
        " Create another SmtpTest to test again."
    )
    world.put_secret(password="s3cret-1")
    await world.passes(3600)
    assert once.reason == "SecretNotFound"
    assert world.runs == []


@pytest.mark.parametrize(
    "reason",
    [
        Reason.VAULT_UNREACHABLE,
        Reason.VAULT_UNAVAILABLE,
        Reason.VAULT_RATE_LIMITED,
        Reason.VAULT_SECRET_CHANGING,
        Reason.IDENTITY_PROVIDER_UNREACHABLE,
    ],
)
async def test_a_vault_that_is_down_fails_it_at_once(world: World, reason: Reason) -> None:
    await world.start()
    vault = world.vault().create()
    await world.passes(5)
    world.vaults.fails = vault_verdict(reason, retry_after=30.0)
    once = SmtpTest(world).create(settings={**SETTINGS, "username": "mailer", "password": vault.password()})
    await world.passes(5)
    expected = {kind: (status, str(reason)) for kind, status in _FAILED.items()}
    assert once.conditions == expected | {"PasswordResolved": ("False", str(reason))}
    asked = len(world.vaults.reads)
    world.vaults.fails = None
    await world.passes(3600)
    assert once.reason == str(reason)
    assert len(world.vaults.reads) == asked
    assert world.runs == []


async def test_a_slow_test_shows_its_phase(world: World) -> None:
    world.engine.slow_phases = 3
    await world.start()
    once = SmtpTest(world).create()
    await world.passes(5)
    assert once.status.current_test is not None
    assert once.status.current_test.phase == "Connect"
    assert once.status.summary == "Testing"
    await world.passes(60)
    assert once.reason == "TestEmailSent"
