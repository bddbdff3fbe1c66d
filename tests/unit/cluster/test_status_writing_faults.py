# SPDX-License-Identifier: Apache-2.0
"""Behind a verdict may be a sent mail, so that an API server in trouble is waited for."""

import asyncio
from dataclasses import dataclass

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable
from smtp_operator.api.objects import ObjectKey, ObjectVersion
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.leader_election import LeaderLease, LeaseLost
from smtp_operator.cluster.status_writer import StatusWriter
from smtp_testkit.fakeapi import Answer, FakeApi

pytestmark = pytest.mark.looptime

OBJECT = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpconfigs/mail"
STATUS = f"{OBJECT}/status"
TESTED = ObjectVersion(key=ObjectKey("team-a", "mail"), uid="u", generation=3, resource_version="10")


@dataclass(frozen=True)
class Clock:
    """The virtual one of the event loop."""

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()


def metadata(version: str, *, uid: str = "u", generation: int = 3) -> Answer:
    return Answer(body={"metadata": {"uid": uid, "generation": generation, "resourceVersion": version}})


@pytest.fixture
def writer(client: KubernetesClient) -> StatusWriter:
    return StatusWriter(client)


async def test_the_request_is_a_forced_apply_with_the_version_tested(
    fake: FakeApi, writer: StatusWriter
) -> None:
    fake.on("PATCH", STATUS, metadata("11"))
    assert await writer.write(TESTED, {"observedGeneration": 3}) == "11"
    (asked,) = fake.seen
    assert asked.query == {"fieldManager": "smtp-operator", "force": "true"}
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.body == {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"namespace": "team-a", "name": "mail", "resourceVersion": "10"},
        "status": {"observedGeneration": 3},
    }


async def test_the_object_itself_never_comes_back(fake: FakeApi, writer: StatusWriter) -> None:
    fake.on("PATCH", STATUS, Answer(409), metadata("12"))
    fake.on("GET", OBJECT, metadata("11"))
    await writer.write(TESTED, {})
    assert {it.headers["Accept"] for it in fake.seen} == {
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    }


async def test_after_a_conflict_it_writes_with_the_version_that_is_there(
    fake: FakeApi, writer: StatusWriter
) -> None:
    fake.on("PATCH", STATUS, Answer(409), Answer(409), metadata("13"))
    fake.on("GET", OBJECT, metadata("11"), metadata("12"))
    assert await writer.write(TESTED, {}) == "13"
    sent = [it.body["metadata"]["resourceVersion"] for it in fake.asked("PATCH", STATUS)]
    assert sent == ["10", "11", "12"]


async def test_an_object_that_never_stands_still_is_not_hammered(fake: FakeApi, writer: StatusWriter) -> None:
    fake.always("PATCH", STATUS, Answer(409))
    fake.always("GET", OBJECT, metadata("11"))
    with pytest.raises(ApiUnavailable) as caught:
        await writer.write(TESTED, {})
    assert str(caught.value) == "SmtpConfig team-a/mail changes faster than its status can be written"
    assert 600 <= Clock().now < 640
    assert len(fake.seen) < 400


@pytest.mark.parametrize("other", [{"uid": "another"}, {"generation": 4}])
async def test_after_a_conflict_another_state_is_left_alone(
    fake: FakeApi, writer: StatusWriter, other: dict[str, str | int]
) -> None:
    fake.on("PATCH", STATUS, Answer(409))
    fake.on("GET", OBJECT, Answer(body={"metadata": {"uid": "u", "generation": 3} | other}))
    assert await writer.write(TESTED, {}) is None
    assert len(fake.seen) == 2


async def test_an_object_deleted_between_conflict_and_look_is_left_alone(
    fake: FakeApi, writer: StatusWriter
) -> None:
    fake.on("PATCH", STATUS, Answer(409))
    fake.on("GET", OBJECT, Answer(404))
    assert await writer.write(TESTED, {}) is None


async def test_an_outage_of_minutes_does_not_cost_the_verdict(fake: FakeApi, writer: StatusWriter) -> None:
    fake.on("PATCH", STATUS, *[Answer(503)] * 12, metadata("11"))
    assert await writer.write(TESTED, {}) == "11"
    assert 120 < Clock().now < 600


async def test_a_lost_connection_is_tried_again(fake: FakeApi, writer: StatusWriter) -> None:
    fake.on("PATCH", STATUS, Answer(cut=True), metadata("11"))
    assert await writer.write(TESTED, {}) == "11"


async def test_retry_after_is_obeyed(fake: FakeApi, writer: StatusWriter) -> None:
    fake.on("PATCH", STATUS, Answer(429, headers={"Retry-After": "20"}), metadata("11"))
    await writer.write(TESTED, {})
    first, second = fake.seen
    assert 20 <= second.time - first.time < 21


async def test_after_ten_minutes_it_gives_up(fake: FakeApi, writer: StatusWriter) -> None:
    fake.always("PATCH", STATUS, Answer(503))
    with pytest.raises(ApiUnavailable) as caught:
        await writer.write(TESTED, {})
    assert str(caught.value) == f"PATCH {STATUS}: 503"
    assert 600 <= Clock().now < 640


async def test_a_role_that_is_not_there_yet_is_waited_for(fake: FakeApi, writer: StatusWriter) -> None:
    fake.on("PATCH", STATUS, *[Answer(403)] * 4, metadata("11"))
    assert await writer.write(TESTED, {}) == "11"


async def test_after_a_minute_a_missing_permission_is_an_error(fake: FakeApi, writer: StatusWriter) -> None:
    fake.always("PATCH", STATUS, Answer(403))
    with pytest.raises(AccessDenied):
        await writer.write(TESTED, {})
    assert 60 <= Clock().now < 120


async def test_it_stops_when_told_to(fake: FakeApi, writer: StatusWriter) -> None:
    fake.always("PATCH", STATUS, Answer(503))
    writing = asyncio.create_task(writer.write(TESTED, {}))
    await asyncio.sleep(30)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_without_the_lease_nothing_is_written(fake: FakeApi, client: KubernetesClient) -> None:
    lease = LeaderLease(client, namespace="ops", name="smtp-operator", identity="asleep")
    with pytest.raises(LeaseLost):
        await StatusWriter(client, lease).write(TESTED, {})
    assert fake.seen == []
