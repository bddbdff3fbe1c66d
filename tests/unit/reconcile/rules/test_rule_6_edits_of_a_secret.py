# SPDX-License-Identifier: Apache-2.0
"""Rule 6, of Secrets: an edit that leaves the referenced key alone carries the verdict over.

The managedFields entries that own f:data.f:KEY are as they were, or, across a restart, lie more than 1 s
before lastTest.startTime; in doubt a standing verdict is tested in mode Login (no mail).
"""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails

HOUR = 3600


async def test_a_new_password_is_tested_with_a_mail(world: World) -> None:
    mail = await world.ready()
    world.put_secret(password="s3cret-2")
    await world.passes(1)
    assert (mail.trigger, mail.mode, mail.ready) == ("PasswordChanged", "SendEmail", "True")
    assert [password for _, password in world.logins] == ["s3cret-2"]
    assert len(world.mails) == 1


async def test_a_new_user_name_is_tested_with_a_mail(world: World) -> None:
    world.put_secret("smtp-user", username="mailer")
    mail = await world.ready(username=None, usernameRef={"name": "smtp-user"})
    world.put_secret("smtp-user", username="another")
    await world.passes(1)
    assert (mail.trigger, mail.mode) == ("PasswordChanged", "SendEmail")


async def test_a_new_ca_is_tested_with_a_mail(world: World) -> None:
    pem = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    world.put_config_map(data={"ca.crt": pem.format("MIIB")})
    mail = await world.ready(tls={"caRef": {"name": "corp-ca"}})
    world.put_config_map(data={"ca.crt": pem.format("MIIC")})
    await world.passes(1)
    assert (mail.trigger, mail.mode) == ("DependencyChanged", "SendEmail")


async def test_an_annotation_carries_the_verdict_over(world: World) -> None:
    mail = await world.ready()
    world.annotate_secret(owner="team-a")
    await world.passes(30)
    assert mail.runs == []
    assert mail.writes == []


async def test_another_key_carries_the_verdict_over(world: World) -> None:
    mail = await world.ready()
    world.put_secret(password="s3cret-1", other="x", manager="kubectl-edit")
    await world.passes(30)
    assert mail.runs == []


async def test_an_annotation_soon_after_the_secret_was_made_carries_it_over(world: World) -> None:
    """Secret and SmtpConfig are often applied together; the annotation tells by its time that it is later."""
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    world.annotate_secret(owner="team-a")
    await world.passes(30)
    assert len(mail.runs) == 1


async def test_an_edit_within_the_second_of_what_was_read_is_tested_by_login(world: World) -> None:
    """managedFields has whole seconds, so nothing tells this edit from the one before."""
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login()
    await world.passes(0.5)
    world.put_secret(password="s3cret-2")
    await world.passes(0.4)
    assert (mail.trigger, mail.mode, mail.ready) == ("PasswordChanged", "Login", "True")
    assert [password for _, password in world.logins] == ["s3cret-1", "s3cret-2"]
    assert len(world.mails) == 1


async def test_a_secret_without_managed_fields_is_tested_by_login(world: World) -> None:
    mail = await world.ready()
    world.strip_managed_fields()
    await world.restart()
    await world.passes(1)
    assert (mail.trigger, mail.mode, mail.reason) == ("PasswordChanged", "Login", "TestEmailSent")
    assert world.mails == []


async def test_a_doubt_that_is_over_is_no_doubt_any_more(world: World) -> None:
    mail = await world.ready()
    world.strip_managed_fields()
    await world.restart()
    await world.passes(600)
    assert len(mail.runs) == 1


async def test_a_login_in_doubt_may_withdraw_the_verdict(world: World) -> None:
    mail = await world.ready()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.strip_managed_fields()
    await world.restart()
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", "AuthenticationFailed")


async def test_a_login_in_doubt_that_fails_for_now_is_repeated(world: World) -> None:
    mail = await world.ready(recheck={"interval": "0s"})
    world.engine.script(fails(Reason.CONNECT_TIMEOUT))
    world.strip_managed_fields()
    await world.restart()
    await world.passes(1)
    assert (mail.ready, len(mail.runs)) == ("True", 1)
    await world.passes(40)
    assert (mail.ready, len(mail.runs)) == ("True", 2)


async def test_in_doubt_a_failed_verdict_is_tested_in_full(world: World) -> None:
    """Only a test of test.mode could turn it True (rule 1)."""
    mail = await world.ready()
    world.engine.script(fails(Reason.AUTHENTICATION_FAILED))
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    assert mail.ready == "False"
    world.strip_managed_fields()
    await world.restart()
    await world.passes(1)
    assert (mail.mode, mail.ready) == ("SendEmail", "True")


async def test_across_a_restart_an_annotation_carries_it_over(world: World) -> None:
    mail = await world.ready()
    await world.stop()
    world.annotate_secret(owner="team-a")
    await world.start()
    await world.passes(30)
    assert mail.runs == []
    assert mail.writes == []


async def test_an_annotation_after_a_restart_carries_it_over(world: World) -> None:
    mail = await world.ready()
    await world.restart()
    world.annotate_secret(owner="team-a")
    await world.passes(30)
    assert mail.runs == []


async def test_across_a_restart_a_new_password_is_tested_with_a_mail(world: World) -> None:
    mail = await world.ready()
    await world.stop()
    await world.passes(60)
    world.put_secret(password="s3cret-2")
    await world.start()
    await world.passes(1)
    assert (mail.trigger, mail.mode) == ("PasswordChanged", "SendEmail")


@pytest.mark.parametrize(("before", "runs"), [(3.0, 0), (0.3, 1)])
async def test_across_a_restart_an_owner_within_a_second_of_the_test_is_in_doubt(
    world: World, before: float, runs: int
) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    await world.passes(before)
    mail = world.smtp_config().create_with_login()
    await world.passes(10)
    world.forget()
    await world.stop()
    world.annotate_secret(owner="team-a")
    await world.start()
    await world.passes(5)
    assert [run.mode for run in mail.runs] == ["Login"] * runs
    assert world.mails == []


async def test_a_recreated_secret_is_another_one(world: World) -> None:
    mail = await world.ready()
    world.cluster.lag = 0.0
    world.delete_secret()
    world.put_secret(password="s3cret-1")
    await world.passes(1)
    assert (mail.trigger, mail.mode, mail.ready) == ("PasswordChanged", "SendEmail", "True")
    assert len(world.mails) == 1


async def test_a_key_taken_away_fails(world: World) -> None:
    mail = await world.ready()
    world.put_secret(other="x", manager="kubectl-edit")
    await world.passes(1)
    assert mail.conditions["Ready"] == ("False", "SecretKeyNotFound")
    assert world.logins == []


async def test_an_edit_during_a_test_is_tested_afterwards(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    mail.request_test()
    await world.passes(0.1)
    world.put_secret(password="s3cret-2")
    await world.passes(0.3)
    world.put_secret(password="s3cret-3", manager="somebody")
    await world.passes(5)
    assert [password for _, password in world.logins][-1] == "s3cret-3"
    assert mail.status.password is not None
    assert mail.status.password.version == _version(world)


async def test_all_that_name_it_are_tested(world: World) -> None:
    await world.ready()
    second = world.smtp_config("second").create_with_login()
    await world.passes(1)
    world.forget()
    world.put_secret(password="s3cret-2")
    await world.passes(1)
    assert len(world.runs) == 2
    assert second.trigger == "PasswordChanged"


async def test_an_unreferenced_secret_is_ignored(world: World) -> None:
    await world.ready()
    world.put_secret("stranger", password="x")
    await world.passes(30)
    assert world.cluster.calls == []


async def test_an_owner_that_allows_the_server_is_heard(world: World) -> None:
    """An annotation can fix only this verdict, so here its edit counts as a change."""
    await world.start()
    world.put_secret(
        password="s3cret-1", annotations={"smtp-operator.io/allowed-servers": "mx.example.com:25"}
    )
    mail = world.smtp_config().create_with_login()
    await world.passes(60)
    assert mail.conditions["Stalled"] == ("True", "ServerNotAllowed")
    world.annotate_secret(**{"smtp-operator.io/allowed-servers": "smtp.example.com:587"})
    await world.passes(1)
    assert mail.ready == "True"


def _version(world: World) -> str:
    (secret,) = world.storage.objects.values()
    return str(secret["metadata"]["resourceVersion"])
