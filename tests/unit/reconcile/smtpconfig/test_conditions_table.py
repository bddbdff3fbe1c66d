# SPDX-License-Identifier: Apache-2.0
"""The table of conditions in the API reference, cell by cell."""

import pytest

from smtp_operator.api.reasons import LIMITED, REASONS, Reason, Retry
from smtp_testkit.simulation import Answer, World, fails, passes

MINUTE = 60
HOUR = 3600

OF_ENGINE = [
    reason
    for reason, info in REASONS.items()
    if info.retry is not Retry.PASSED
    and reason not in LIMITED
    and not reason.startswith(("Secret", "ConfigMap", "Testing", "Suspended", "Waiting", "Progressing"))
    and not reason.startswith(("Publish", "NotProven"))
]


async def test_ready_is_true_when_a_test_at_the_depth_of_test_mode_passed(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(1)
    assert mail.conditions == {"Ready": ("True", "TestEmailSent")}


@pytest.mark.parametrize("reason", OF_ENGINE)
async def test_ready_is_false_when_it_failed_and_reason_and_message_say_why(
    world: World, reason: Reason
) -> None:
    await world.start()
    world.engine.always(fails(reason, message="What happened. What to set."))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    ready = mail.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.message) == ("False", reason, "What happened. What to set.")


async def test_ready_is_unknown_under_the_first_test(world: World) -> None:
    await world.start()
    world.engine.always(passes(seconds=5))
    mail = world.smtp_config().create()
    await world.passes(2)
    assert mail.conditions == {"Ready": ("Unknown", "Testing"), "Reconciling": ("True", "Testing")}
    assert mail.status.summary == "Testing"


async def test_ready_is_unknown_when_suspended_without_a_verdict(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create(suspend=True)
    await world.passes(1)
    assert mail.conditions == {"Ready": ("Unknown", "Suspended")}


@pytest.mark.parametrize("reason", OF_ENGINE)
async def test_failed_is_true_exactly_when_ready_is_false_with_its_reason_and_message(
    world: World, reason: Reason
) -> None:
    await world.start()
    world.engine.always(fails(reason))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    ready, failed = mail.condition("Ready"), mail.condition("Failed")
    assert ready is not None
    assert failed is not None
    assert failed.status == "True"
    assert (failed.reason, failed.message) == (ready.reason, ready.message)


async def test_failed_is_absent_once_ready_is_true_again(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    mail = world.smtp_config().create()
    await world.passes(60)
    assert mail.conditions == {"Ready": ("True", "TestEmailSent")}


async def test_password_resolved_is_true_when_it_was_read(world: World) -> None:
    mail = await world.ready()
    condition = mail.condition("PasswordResolved")
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "PasswordRead")
    assert condition.message == "The password was read from Secret smtp-password, key password."


async def test_password_resolved_is_true_although_the_login_failed(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED))
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions["PasswordResolved"] == ("True", "PasswordRead")


async def test_password_resolved_reports_a_stripped_newline(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1\n")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions["PasswordResolved"] == ("True", "TrailingNewlineStripped")
    assert world.logins[0][1] == "s3cret-1"


async def test_password_resolved_reports_a_plaintext_password(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create_with_login(password={"value": "s3cret-1"})
    await world.passes(1)
    assert mail.conditions["PasswordResolved"] == ("True", "PlaintextPassword")
    assert mail.object_["status"]["password"] == {"source": "InputText", "reference": "spec.password.value"}


async def test_password_resolved_is_false_when_it_is_not_readable(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions["PasswordResolved"] == ("False", "SecretNotFound")
    assert mail.object_["status"]["password"] == {
        "source": "KubernetesSecret",
        "reference": "smtp-password/password",
    }


async def test_password_resolved_speaks_of_the_password_alone(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(username=None, usernameRef={"name": "smtp-user"})
    await world.passes(1)
    assert mail.conditions["PasswordResolved"] == ("True", "PasswordRead")
    assert mail.conditions["Ready"] == ("False", "SecretNotFound")


async def test_password_resolved_is_absent_without_a_username(world: World) -> None:
    mail = await world.ready()
    mail.edit(username=None, password=None)
    await world.passes(1)
    assert mail.conditions == {"Ready": ("True", "TestEmailSent")}
    assert mail.status.password is None


async def test_reconciling_is_true_while_settings_without_a_verdict_are_under_test(world: World) -> None:
    mail = await world.ready()
    world.engine.always(passes(seconds=5))
    mail.edit(port=465)
    await world.passes(2)
    assert mail.conditions["Reconciling"] == ("True", "Testing")
    assert mail.conditions["Ready"] == ("Unknown", "Testing")


async def test_reconciling_comes_only_once_the_test_took_over_a_second(world: World) -> None:
    await world.start()
    world.engine.always(passes(seconds=0.9))
    mail = world.smtp_config().create()
    await world.passes(2)
    assert len(mail.writes) == 1
    assert mail.conditions == {"Ready": ("True", "TestEmailSent")}


@pytest.mark.parametrize(
    "reason",
    [it for it in OF_ENGINE if REASONS[it].retry in (Retry.TRANSIENT, Retry.SLOW, Retry.GREYLISTED)],
)
async def test_reconciling_is_true_while_a_retry_is_due(world: World, reason: Reason) -> None:
    await world.start()
    world.engine.always(fails(reason))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    assert "Stalled" not in mail.conditions
    assert mail.next_test_in is not None
    assert mail.next_test_in > 0


async def test_reconciling_is_true_while_a_delivery_is_unknown_until_the_next_interval(world: World) -> None:
    await world.start()
    world.engine.script(fails(Reason.DATA_TIMEOUT))
    mail = world.smtp_config().create()
    await world.passes(59 * MINUTE)
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    assert len(world.mails) == 1
    await world.passes(8 * MINUTE)
    assert (mail.trigger, mail.ready, len(world.mails)) == ("Retry", "True", 2)


async def test_stalled_is_true_where_a_delivery_is_unknown_and_no_interval_comes(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.DATA_TIMEOUT))
    mail = world.smtp_config().create(recheck={"interval": "0s"})
    await world.passes(7 * 24 * HOUR)
    assert mail.conditions["Stalled"] == ("True", "DataTimeout")
    assert len(world.mails) == 1


@pytest.mark.parametrize(
    "reason",
    [
        it
        for it in OF_ENGINE
        if REASONS[it].retry in (Retry.CONFIGURATION, Retry.POLICY, Retry.AUTHENTICATION)
    ],
)
async def test_stalled_is_true_if_no_retry_can_fix_it(world: World, reason: Reason) -> None:
    await world.start()
    world.engine.always(fails(reason))
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(1)
    assert mail.conditions["Stalled"] == ("True", reason)
    assert "Reconciling" not in mail.conditions


async def test_stalled_comes_after_five_refused_connections(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    mail = world.smtp_config().create()
    await world.passes(8 * MINUTE)
    assert len(mail.runs) == 4
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    await world.passes(2 * MINUTE)
    assert len(mail.runs) == 5
    assert mail.conditions["Stalled"] == ("True", "ConnectionRefused")


async def test_other_failures_are_not_counted_among_refused_connections(world: World) -> None:
    await world.start()
    world.engine.script(*[fails(Reason.CONNECT_TIMEOUT)] * 4)
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    mail = world.smtp_config().create()
    await world.passes(10 * MINUTE)
    assert mail.conditions["Ready"] == ("False", "ConnectionRefused")
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")


async def test_refusals_of_other_settings_are_counted_separately(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    mail = world.smtp_config().create()
    await world.passes(10 * MINUTE)
    mail.edit(port=465)
    await world.passes(1)
    assert mail.conditions["Reconciling"] == ("True", "ProgressingWithRetry")
    assert mail.next_test_in is not None
    assert mail.next_test_in < 35


async def test_five_refused_connections_are_remembered_over_a_restart(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.CONNECTION_REFUSED))
    mail = world.smtp_config().create()
    await world.passes(10 * MINUTE)
    await world.restart()
    await world.passes(2 * HOUR)
    assert 6 <= len(mail.runs) <= 7
    assert mail.conditions["Stalled"] == ("True", "ConnectionRefused")
    assert all("Reconciling" not in str(write.status) for write in mail.writes[5:])


@pytest.mark.parametrize("answer", [passes(), fails(Reason.CONNECT_TIMEOUT), fails(Reason.RELAY_DENIED)])
async def test_last_transition_time_moves_only_when_status_flips(world: World, answer: Answer) -> None:
    mail = await world.ready()
    before = mail.condition("Ready")
    await world.passes(60)
    world.engine.script(answer)
    mail.request_test()
    await world.passes(1)
    after = mail.condition("Ready")
    assert before is not None
    assert after is not None
    assert (after.last_transition_time == before.last_transition_time) == (after.status == before.status)


async def test_a_password_that_can_be_read_again_flips_password_resolved(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create_with_login()
    await world.passes(30)
    world.put_secret(password="s3cret-1")
    await world.passes(1)
    condition = mail.condition("PasswordResolved")
    assert condition is not None
    assert condition.last_transition_time == "2026-11-18T11:07:10Z"
