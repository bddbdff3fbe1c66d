# SPDX-License-Identifier: Apache-2.0
"""The simulation's API server behaves as a real one was measured to, as far as the core depends on it."""

from typing import Any, ClassVar

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ObjectNotFound, RequestRefused
from smtp_operator.api.objects import (
    FieldWrite,
    ObjectMetadata,
    ObjectVersion,
    Reference,
    ServedKind,
    field_writes,
)
from smtp_operator.reconcile.references.changes import ReferenceChange, compare, key_owners, metadata_of
from smtp_operator.reconcile.snapshot import version_of
from smtp_testkit.simulation import SmtpConfig, World
from smtp_testkit.simulation.cluster import KindSink

SECRET = Reference("Secret", "team-a", "smtp-password")


def now_tested(mail: SmtpConfig) -> ObjectVersion:
    return version_of("SmtpConfig", mail.object_)


def writes(world: World) -> tuple[FieldWrite, ...]:
    return field_writes(world.storage.objects[SECRET]["metadata"]["managedFields"])


async def test_a_new_object_has_generation_1_and_the_default_status(world: World) -> None:
    mail = world.smtp_config().create()
    assert mail.generation == 1
    assert mail.object_["status"] == {"observedGeneration": -1}


async def test_defaults_are_filled_in(world: World) -> None:
    mail = world.smtp_config().create()
    assert mail.object_["spec"]["smtpType"] == "StartTLS"
    assert mail.object_["spec"]["test"] == {"mode": "SendEmail"}
    assert "recheck" not in mail.object_["spec"]


async def test_a_changed_spec_is_a_new_generation(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.edit(port=465)
    assert now_tested(mail).generation == 2
    assert int(now_tested(mail).resource_version) > int(before.resource_version)


async def test_the_same_spec_is_not_even_a_new_version(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.edit(port=587)
    assert now_tested(mail) == before


async def test_an_annotation_is_a_new_version_alone(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.request_test()
    assert now_tested(mail).generation == 1
    assert now_tested(mail) != before


async def test_a_status_is_a_new_version_alone(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    version = await world.cluster.write_status(before, GOOD)
    assert now_tested(mail).generation == 1
    assert version == now_tested(mail).resource_version != before.resource_version


async def test_the_same_status_again_is_no_new_version(world: World) -> None:
    mail = world.smtp_config().create()
    first = await world.cluster.write_status(now_tested(mail), GOOD)
    assert await world.cluster.write_status(now_tested(mail), GOOD) == first


async def test_a_status_of_an_older_version_is_written_all_the_same(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.annotate(note="x")
    assert await world.cluster.write_status(before, GOOD) is not None
    assert world.cluster.conflicts == 1


async def test_a_status_of_an_older_generation_is_dropped(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.edit(port=465)
    assert await world.cluster.write_status(before, GOOD) is None
    assert mail.object_["status"] == {"observedGeneration": -1}


async def test_a_status_of_a_deleted_object_is_dropped(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.delete()
    assert await world.cluster.write_status(before, GOOD) is None


async def test_a_status_of_a_predecessor_is_dropped(world: World) -> None:
    mail = world.smtp_config().create()
    before = now_tested(mail)
    mail.delete()
    mail.create()
    assert await world.cluster.write_status(before, GOOD) is None


@pytest.mark.parametrize("wrong", [{"weather": "fine"}, {"summary": "x" * 81}, {"conditions": "many"}])
async def test_a_status_that_the_schema_does_not_know_is_refused(world: World, wrong: dict[str, Any]) -> None:
    mail = world.smtp_config().create()
    with pytest.raises(RequestRefused):
        await world.cluster.write_status(now_tested(mail), GOOD | wrong)


async def test_what_is_not_there_cannot_be_read(world: World) -> None:
    for reference in (Reference("SmtpConfig", *world.smtp_config().key), SECRET):
        with pytest.raises(ObjectNotFound):
            await world.cluster.get_object(reference)


async def test_what_is_denied_is_denied_whether_it_exists_or_not(world: World) -> None:
    world.cluster.faults.denied.add(SECRET)
    with pytest.raises(AccessDenied):
        await world.cluster.get_object(SECRET)


async def test_when_it_is_down_nothing_answers(world: World) -> None:
    mail = world.smtp_config().create()
    tested = now_tested(mail)
    world.cluster.faults.down = True
    for call in (
        world.cluster.get_object(Reference("SmtpConfig", *mail.key)),
        world.cluster.get_object(SECRET),
        world.cluster.write_status(tested, GOOD),
    ):
        with pytest.raises(ApiUnavailable):
            await call


async def test_a_key_is_owned_by_who_wrote_it_and_when(world: World) -> None:
    world.put_secret(password="1", manager="create")
    await world.passes(5)
    world.put_secret(password="1", other="2", manager="edit")
    assert key_owners(writes(world), "password") == (("create", "Update", "2026-11-18T11:06:40Z"),)
    assert key_owners(writes(world), "other") == (("edit", "Update", "2026-11-18T11:06:45Z"),)


async def test_a_key_written_by_another_changes_hands(world: World) -> None:
    world.put_secret(password="1", other="1", manager="create")
    await world.passes(5)
    world.put_secret(password="2", other="1", manager="edit")
    assert key_owners(writes(world), "password") == (("edit", "Update", "2026-11-18T11:06:45Z"),)
    assert key_owners(writes(world), "other") == (("create", "Update", "2026-11-18T11:06:40Z"),)


async def test_an_annotation_leaves_the_owners_of_keys_alone(world: World) -> None:
    world.put_secret(password="1")
    before = metadata_of(SECRET, world.storage.objects[SECRET])
    await world.passes(5)
    world.annotate_secret(note="x")
    after = metadata_of(SECRET, world.storage.objects[SECRET])
    assert key_owners(after.writes, "password") == key_owners(before.writes, "password")
    assert after.resource_version != before.resource_version


async def test_the_same_secret_again_is_no_new_version(world: World) -> None:
    world.put_secret(password="1")
    before = world.storage.objects[SECRET]
    world.put_secret(password="1")
    assert world.storage.objects[SECRET] is before


async def test_a_recreated_secret_has_another_uid(world: World) -> None:
    world.put_secret(password="1")
    before = metadata_of(SECRET, world.storage.objects[SECRET])
    world.delete_secret()
    world.put_secret(password="1")
    after = metadata_of(SECRET, world.storage.objects[SECRET])
    found = compare(before.version, after, "password", baseline=None, test_started=0.0)
    assert (before.uid != after.uid, found) == (True, ReferenceChange.CHANGED)


async def test_events_come_in_the_order_of_the_changes(world: World) -> None:
    seen: list[str] = []

    class SmtpConfigs:
        def on_change(self, object_: dict[str, Any]) -> None:
            seen.append(f"port {object_['spec']['port']}")

        def forget(self, key: object, uid: str) -> None:
            seen.append("gone")

    class Recorder:
        sinks: ClassVar[dict[ServedKind, KindSink]] = {"SmtpConfig": SmtpConfigs()}

        def wants(self, reference: Reference) -> bool:
            return reference == SECRET

        def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
            seen.append("no Secret" if metadata is None else "a Secret")

        def references_listed(self) -> None:
            seen.append("all listed")

        def objects_listed(self) -> None:
            pass

    world.smtp_config().create()
    world.cluster.attach(Recorder())
    mail = world.smtp_config()
    for port in (1, 2, 3):
        mail.edit(port=port)
    world.put_secret(password="1")
    world.put_secret("another", password="1")
    world.delete_secret()
    mail.delete()
    await world.passes(1)
    assert seen == ["port 587", "all listed", "port 1", "port 2", "port 3", "a Secret", "no Secret", "gone"]
    world.cluster.detach()


GOOD: dict[str, Any] = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-18T11:06:40Z",
            "reason": "Testing",
            "message": "A test of these settings is under way.",
        },
        {
            "type": "Reconciling",
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-18T11:06:40Z",
            "reason": "ProgressingWithRetry",
            "message": "A test of these settings is under way.",
        },
    ],
    "summary": "Testing",
    "nextTestTime": "2026-11-18T11:06:40Z",
}
