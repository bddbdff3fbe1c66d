# SPDX-License-Identifier: Apache-2.0
"""A passed test writes the Secret once, with exactly its values; unchanged values write nothing."""

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_testkit.simulation import World, fails, passes

PUBLISH = {"secretName": "proven"}
HOUR = 3600.0


async def test_a_passed_test_publishes_its_settings(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    assert world.published() == {
        "type": "smtp",
        "provider": "smtp-operator",
        "host": "smtp.example.com",
        "port": "587",
        "username": "mailer@example.com",
        "password": "s3cret-1",
        "uri": "smtp://mailer%40example.com:s3cret-1@smtp.example.com:587",
        "from": "noreply@example.com",
        "security": "StartTLS",
    }
    assert mail.conditions == {
        "Ready": ("True", "TestEmailSent"),
        "PasswordResolved": ("True", "PasswordRead"),
        "Published": ("True", "Published"),
    }
    assert mail.status.binding is not None
    assert mail.status.binding.name == "proven"


async def test_the_secret_belongs_to_its_object(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    secret = world.storage.objects[Reference("Secret", "team-a", "proven")]
    assert secret["type"] == "servicebinding.io/smtp"
    assert secret["metadata"]["labels"]["smtp-operator.io/published"] == "true"
    assert secret["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "smtp-operator.io/v1alpha1",
            "kind": "SmtpConfig",
            "name": "corporate-mail",
            "uid": mail.object_["metadata"]["uid"],
            "controller": True,
        }
    ]


async def test_the_status_names_what_was_published(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    published = mail.status.published
    secret = world.storage.objects[Reference("Secret", "team-a", "proven")]["metadata"]
    assert published is not None
    assert mail.status.tested is not None
    assert published.generation == 1
    assert published.secret == f"{secret['uid']}/{secret['resourceVersion']}"
    assert published.references == mail.status.tested.references


async def test_reconciling_stands_from_the_verdict_to_the_write(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(1)
    (announced,) = (it for it in mail.writes if "published" not in it.status and "lastTest" in it.status)
    conditions = {it["type"]: (it["status"], it["reason"]) for it in announced.status["conditions"]}
    assert conditions["Ready"] == ("True", "TestEmailSent")
    assert conditions["Reconciling"] == ("True", "Publishing")
    assert [it.at >= announced.at for it in world.secret_writes] == [True]
    assert "Reconciling" not in mail.conditions


async def test_one_test_makes_one_write_of_the_secret_and_two_of_the_status(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(60)
    assert len(world.secret_writes) == 1
    assert len(mail.writes) == 2
    assert len(world.mails) == 1


async def test_rechecks_and_requests_of_unchanged_values_write_nothing(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    world.forget()
    await world.passes(5 * HOUR)
    mail.request_test()
    await world.passes(60)
    assert world.secret_writes == []
    assert len(mail.writes) == len(mail.runs)
    assert not [call for call in world.cluster.calls if "secret" in call[0]]


async def test_a_new_password_is_published_once_it_has_passed(world: World) -> None:
    await world.ready(publish=PUBLISH)
    world.put_secret(password="s3cret-2")
    await world.passes(5)
    (write,) = world.secret_writes
    assert (write.verb, write.data["password"]) == ("update", "s3cret-2")


async def test_what_is_written_is_what_was_tested(world: World) -> None:
    """The password changes while the test runs; the Secret never has one that was not tested."""
    await world.ready(publish=PUBLISH)
    world.engine.script(passes(seconds=5), fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8"))
    world.put_secret(password="s3cret-2")
    await world.passes(2)
    world.put_secret(password="s3cret-wrong")
    await world.passes(60)
    assert [it.data["password"] for it in world.secret_writes] == ["s3cret-2"]


async def test_nothing_is_published_before_a_test_has_passed(world: World) -> None:
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8"))
    await world.start()
    world.put_secret(password="wrong")
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(60)
    assert world.published() is None
    assert mail.conditions["Published"] == ("False", "NotProvenYet")
    assert mail.status.binding is None


async def test_failing_settings_keep_what_was_proven_last(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    proven = mail.status.published
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8"))
    world.put_secret(password="wrong")
    await world.passes(3 * HOUR)
    assert mail.conditions["Published"] == ("True", "KeptLastProven")
    assert mail.status.published == proven
    assert world.secret_writes == []
    assert (world.published() or {})["password"] == "s3cret-1"
    world.engine.always(passes())
    world.put_secret(password="s3cret-2")
    await world.passes(60)
    assert mail.conditions["Published"] == ("True", "Published")
    assert (world.published() or {})["password"] == "s3cret-2"


async def test_a_deep_test_is_not_replaced_by_a_shallow_one(world: World) -> None:
    """A recheck of mode Connect proves no password."""
    mail = await world.ready(publish=PUBLISH, recheck={"interval": "1h", "mode": "Connect"})
    world.cluster.deaf = True
    world.put_secret(password="s3cret-2")
    await world.passes(HOUR * 1.2)
    assert {run.mode for run in mail.runs} <= {"Connect", "Login", "SendEmail"}
    published = (world.published() or {})["password"]
    assert published in {password for _, password in world.logins} | {"s3cret-1"}


async def test_without_the_flag_nothing_is_published() -> None:
    world = World(ReconcilePolicy())
    mail = await world.ready(publish=PUBLISH)
    await world.passes(HOUR)
    assert world.published() is None
    assert mail.conditions["Published"] == ("False", "PublishNotEnabled")
    assert not [call for call in world.cluster.calls if "secret" in call[0]]
    await world.stop()
    assert world.complaints() == []
