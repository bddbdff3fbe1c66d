# SPDX-License-Identifier: Apache-2.0
"""An operator that is killed between verdict and Secret publishes at its next start, with no second email."""

from dataclasses import replace

import pytest

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import SmtpConfig, World, fails

PUBLISH = {"secretName": "proven"}
STEPS = ("before the status", "before the Secret", "after the Secret", "before the second status")


async def killed(world: World, step: str, **spec: object) -> SmtpConfig:
    """Start an operator that is killed at this step of the first publication."""
    await world.start()
    world.put_secret(password="s3cret-1")
    call = {
        "before the status": "write_status",
        "before the Secret": "write_secret",
        "after the Secret": "write_status",
        "before the second status": "write_status",
    }[step]
    calls = world.cluster.calls
    mail = world.smtp_config().create_with_login(**{"publish": PUBLISH, **spec})
    for _ in range(1000):
        await world.passes(0.001)
        writes = [name for name, _ in calls if name in ("write_status", "write_secret")]
        if step in ("before the status", "before the Secret") and call in writes:
            break
        if step == "after the Secret" and world.secret_writes:
            break
        if step == "before the second status" and writes.count("write_status") == 2:
            break
    else:
        raise AssertionError(f"never reached: {step}")
    await world.stop()
    return mail


@pytest.mark.parametrize("step", STEPS)
async def test_killed_and_started_again(world: World, step: str) -> None:
    mail = await killed(world, step)
    sent = len(world.mails)
    await world.start()
    await world.passes(30)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert mail.conditions["Published"] == ("True", "Published")
    assert "Reconciling" not in mail.conditions
    assert len(world.mails) - sent <= (step == "before the status")
    assert len(world.secret_writes) == 1


@pytest.mark.parametrize("step", ["before the Secret", "after the Secret"])
async def test_the_password_changed_while_the_operator_was_down(world: World, step: str) -> None:
    """The old value is not read again, and the new one is tested first."""
    await killed(world, step)
    before = [it.data["password"] for it in world.secret_writes]
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8"))
    world.put_secret(password="wrong")
    await world.start()
    await world.passes(60)
    assert [it.data["password"] for it in world.secret_writes] == before


async def test_an_edit_of_other_keys_in_between_needs_one_login_and_no_email(world: World) -> None:
    mail = await killed(world, "before the Secret")
    sent = len(world.mails)
    await world.passes(10)
    world.annotate_secret(note="edited")
    await world.start()
    await world.passes(30)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert [run.mode for run in mail.runs][1:] == ["Login"]
    assert len(world.mails) == sent


async def test_an_inline_value_counts_in_its_generation(world: World) -> None:
    mail = await killed(world, "before the Secret", username="mailer", password={"value": "s3cret-inline"})
    await world.start()
    await world.passes(30)
    assert (world.published() or {})["password"] == "s3cret-inline"
    assert len(mail.runs) == 1


async def test_a_vault_without_versions_is_logged_in_again(world: World) -> None:
    vault = world.vault().create(allowPublish=True)
    world.vaults.versions["mail/smtp"] = None
    mail = await killed(world, "before the Secret", username="mailer", password=vault.password())
    sent = len(world.mails)
    await world.start()
    await world.passes(60)
    assert [run.mode for run in mail.runs][1:] == ["Login"]
    assert len(world.mails) == sent
    assert world.published() is not None


async def test_an_api_server_that_fails_for_a_while_is_tried_again(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.cluster.fail_next("write_secret", *[ApiUnavailable("503")] * 3)
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(2)
    assert mail.conditions["Published"] == ("False", "PublishFailed")
    assert mail.ready == "True"
    await world.passes(120)
    assert mail.conditions["Published"] == ("True", "Published")
    assert len(world.mails) == 1


async def test_the_announcement_lasts_for_a_minute_at_most(world: World) -> None:
    """Dependents wait for it, so it must not stand while the API server fails."""
    mail = await killed(world, "before the Secret")
    world.cluster.fail_next("read_secret", *[ApiUnavailable("503")] * 30)
    await world.start()
    await world.passes(30)
    assert mail.conditions["Reconciling"] == ("True", "Publishing")
    await world.passes(60)
    assert "Reconciling" not in mail.conditions
    assert mail.conditions["Published"] == ("False", "PublishFailed")
    await world.passes(600)
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_restart_writes_nothing_where_all_is_published(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.restart(after=5)
    await world.passes(60)
    assert world.secret_writes == []
    assert mail.writes == []
    assert mail.runs == []
    assert not [call for call in world.cluster.calls if "secret" in call[0]]


async def test_an_operator_without_the_flag_leaves_the_secret(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.stop()
    world.policy = replace(world.policy, publishes=False)
    await world.start()
    await world.passes(60)
    assert mail.conditions["Published"] == ("False", "PublishNotEnabled")
    mail.edit(publish=None)
    await world.passes(60)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert world.secret_writes == []


async def test_publish_that_is_added_later_needs_no_test(world: World) -> None:
    mail = await world.ready()
    mail.edit(publish=PUBLISH)
    await world.passes(5)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert mail.runs == []
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_change_of_publish_is_no_change_of_the_settings(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.edit(publish={**PUBLISH, "keys": [{"name": "GF_SMTP_HOST", "field": "HostPort"}]})
    await world.passes(5)
    assert world.published() == {"GF_SMTP_HOST": "smtp.example.com:587"}
    assert mail.runs == []
