# SPDX-License-Identifier: Apache-2.0
"""Ownership of the Secret, edits by hand, removed and renamed publish, suspension, re-created objects."""

import pytest

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_testkit.simulation import World, fails, passes

PUBLISH = {"secretName": "proven"}
SERVERS = "smtp-operator.io/allowed-servers"
ALLOW = "smtp-operator.io/allow-publish"
SECRET = Reference("Secret", "team-a", "proven")
REFUSED = fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8")


async def test_a_secret_of_someone_else_is_never_touched(world: World) -> None:
    world.put_secret("proven", password="theirs")
    mail = await world.ready(publish=PUBLISH)
    assert world.published() == {"password": "theirs"}
    assert mail.conditions["Published"] == ("False", "SecretNotOwned")
    assert mail.ready == "True"
    assert "Reconciling" not in mail.conditions
    world.delete_secret("proven")
    await world.passes(2)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_copied_label_makes_no_owner(world: World) -> None:
    world.put_secret("proven", labels={"smtp-operator.io/published": "true"}, password="theirs")
    mail = await world.ready(publish=PUBLISH)
    assert world.published() == {"password": "theirs"}
    assert mail.conditions["Published"] == ("False", "SecretNotOwned")


async def test_of_two_that_name_one_secret_the_second_is_refused(world: World) -> None:
    first = await world.ready(publish=PUBLISH)
    second = world.smtp_config("second").create_with_login(server="other.example.com", publish=PUBLISH)
    await world.passes(10)
    assert first.conditions["Published"] == ("True", "Published")
    assert second.conditions["Published"] == ("False", "SecretNotOwned")
    assert (world.published() or {})["host"] == "smtp.example.com"


async def test_two_that_start_together_get_one_owner(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    mails = [
        world.smtp_config(name).create_with_login(server=f"{name}.example.com", publish=PUBLISH)
        for name in ("one", "two")
    ]
    await world.passes(10)
    reasons = sorted(mail.conditions["Published"][1] for mail in mails)
    assert reasons == ["Published", "SecretNotOwned"]
    assert len(world.secret_writes) == 1


async def test_an_object_created_again_waits_for_garbage_collection(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.delete()
    mail.create_with_login(publish=PUBLISH)
    await world.passes(5)
    assert mail.conditions["Published"] == ("False", "SecretNotOwned")
    world.storage.collect_garbage()
    await world.passes(2)
    assert mail.conditions["Published"] == ("True", "Published")
    uid = world.storage.objects[SECRET]["metadata"]["ownerReferences"][0]["uid"]
    assert uid == mail.object_["metadata"]["uid"]


async def test_an_edit_by_hand_is_restored(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    proven = world.published()
    world.put_secret("proven", manager="kubectl-edit", password="by hand")
    await world.passes(2)
    assert world.published() == proven
    assert mail.runs == []
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_deleted_secret_is_restored(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    proven = world.published()
    world.delete_secret("proven")
    await world.passes(2)
    assert world.published() == proven
    assert mail.runs == []


async def test_two_controllers_do_not_fight(world: World) -> None:
    await world.ready(publish=PUBLISH)
    for number in range(600):
        world.put_secret("proven", manager="argocd", password=f"by hand {number}")
        await world.passes(1)
    assert len(world.secret_writes) <= 11


async def test_an_edit_stays_while_the_proven_values_cannot_be_read(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.engine.always(REFUSED)
    world.put_secret(password="wrong")
    await world.passes(5)
    world.put_secret("proven", manager="kubectl-edit", password="by hand")
    await world.passes(5)
    assert world.published() == {"password": "by hand"}
    assert mail.conditions["Published"] == ("False", "SecretEdited")
    await world.passes(7200)
    assert mail.conditions["Published"] == ("False", "SecretEdited")
    world.engine.always(passes())
    world.put_secret(password="s3cret-2")
    await world.passes(5)
    assert (world.published() or {})["password"] == "s3cret-2"
    assert mail.conditions["Published"] == ("True", "Published")


@pytest.mark.parametrize("edit", [{SERVERS: "evil.example.net:25"}, {SERVERS: None}, {ALLOW: "true"}])
async def test_an_edit_of_what_binds_the_copy_is_no_less_an_edit(
    world: World, edit: dict[str, str | None]
) -> None:
    """An edit is undone while the proven values can be read, and reported otherwise."""
    bound = {SERVERS: "smtp.example.com:587", ALLOW: "true"}
    world.put_secret(password="s3cret-1", annotations=bound)
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.annotate_secret("proven", **edit)
    await world.passes(5)
    assert world.storage.objects[SECRET]["metadata"]["annotations"] == {SERVERS: "smtp.example.com:587"}
    assert mail.conditions["Published"] == ("True", "Published")

    world.engine.always(REFUSED)
    world.put_secret(password="wrong")
    await world.passes(61)
    world.annotate_secret("proven", **edit)
    await world.passes(5)
    assert mail.conditions["Published"] == ("False", "SecretEdited")
    world.engine.always(passes())
    world.put_secret(password="s3cret-2")
    await world.passes(61)
    assert world.storage.objects[SECRET]["metadata"]["annotations"] == {SERVERS: "smtp.example.com:587"}
    assert (world.published() or {})["password"] == "s3cret-2"


async def test_an_annotation_of_others_is_no_edit(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.engine.always(REFUSED)
    world.put_secret(password="wrong")
    await world.passes(61)
    world.annotate_secret("proven", **{"reloader.stakater.com/match": "true"})
    await world.passes(5)
    assert mail.conditions["Published"] == ("True", "KeptLastProven")


async def test_a_secret_deleted_while_settings_fail_is_gone(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    world.engine.always(REFUSED)
    world.put_secret(password="wrong")
    await world.passes(61)
    world.delete_secret("proven")
    await world.passes(5)
    assert mail.conditions["Published"] == ("False", "NotProvenYet")
    assert mail.status.binding is None
    assert mail.status.published is None


async def test_labels_of_others_stay_and_cost_no_write(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.annotate_secret("proven", **{"reloader.stakater.com/match": "true"})
    await world.passes(5)
    assert world.secret_writes == []
    world.put_secret(password="s3cret-2")
    await world.passes(5)
    metadata = world.storage.objects[SECRET]["metadata"]
    assert metadata["annotations"]["reloader.stakater.com/match"] == "true"
    assert mail.conditions["Published"] == ("True", "Published")


async def test_removed_publish_deletes_the_secret(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.edit(publish=None)
    await world.passes(5)
    assert world.published() is None
    assert "Published" not in mail.conditions
    assert mail.status.binding is None
    assert mail.status.published is None
    assert mail.runs == []


async def test_removed_publish_leaves_a_secret_of_someone_else(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    world.cluster.deaf = True
    world.delete_secret("proven")
    world.put_secret("proven", password="theirs")
    world.cluster.deaf = False
    mail.edit(publish=None)
    await world.passes(5)
    assert world.published() == {"password": "theirs"}
    assert mail.status.binding is None


async def test_a_renamed_secret_goes_after_the_new_one_is_written(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.edit(publish={"secretName": "renamed"})
    await world.passes(5)
    assert [(it.verb, it.reference.name) for it in world.secret_writes] == [
        ("create", "renamed"),
        ("delete", "proven"),
    ]
    assert mail.status.binding is not None
    assert mail.status.binding.name == "renamed"
    assert mail.runs == []


async def test_another_type_is_created_again(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.edit(publish={**PUBLISH, "type": "Opaque"})
    await world.passes(5)
    assert world.storage.objects[SECRET]["type"] == "Opaque"
    assert mail.conditions["Published"] == ("True", "Published")


async def test_nothing_is_written_while_suspended(world: World) -> None:
    mail = await world.ready(publish=PUBLISH)
    mail.edit(suspend=True)
    await world.passes(5)
    world.put_secret(password="s3cret-2")
    world.put_secret("proven", manager="kubectl-edit", password="by hand")
    mail.request_test()
    await world.passes(3600)
    assert world.secret_writes == []
    assert world.published() == {"password": "by hand"}
    mail.edit(suspend=False)
    await world.passes(60)
    assert (world.published() or {})["password"] == "s3cret-2"
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_missing_role_says_so(world: World) -> None:
    world.cluster.fail_next("write_secret", AccessDenied("POST secrets: 403 Forbidden"))
    mail = await world.ready(publish=PUBLISH)
    assert mail.conditions["Published"] == ("False", "PublishNotEnabled")
    condition = mail.condition("Published")
    assert condition is not None
    assert "publish.namespaces" in condition.message
    await world.passes(60)
    assert mail.conditions["Published"] == ("True", "Published")


async def test_a_quota_is_no_missing_role(world: World) -> None:
    answer = 'POST secrets: 403 Forbidden: secrets "proven" is forbidden: exceeded quota: few'
    error = AccessDenied(answer, lacks_permission=False)
    world.cluster.fail_next("write_secret", error, error)
    mail = await world.ready(publish=PUBLISH)
    condition = mail.condition("Published")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "PublishFailed")
    assert condition.message == (
        f"Secret team-a/proven was not written: {answer}. The operator tries again automatically."
    )
    await world.passes(60)
    assert mail.conditions["Published"] == ("True", "Published")
    assert len(world.mails) == 0


async def test_the_words_of_a_policy_are_in_no_status(world: World) -> None:
    """A policy can quote the password."""
    denied = AccessDenied(
        "a policy denied request: s3cret-1 is short", lacks_permission=False, denial="s3cret-1 is short"
    )
    world.cluster.fail_next("write_secret", denied)
    mail = await world.ready(publish=PUBLISH)
    condition = mail.condition("Published")
    assert condition is not None
    assert condition.message == (
        "Secret team-a/proven was not written: a policy denied request."
        " The operator tries again automatically."
    )
