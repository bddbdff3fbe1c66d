# SPDX-License-Identifier: Apache-2.0
"""Requests for published Secrets: only over the version that was read, and patiently for half a minute."""

import asyncio
from typing import Any

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, RequestRefused
from smtp_operator.api.objects import Reference
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.leader_election import LeaderLease, LeaseLost
from smtp_operator.cluster.secret_writer import SecretWriter
from smtp_testkit.fakeapi import Answer, FakeApi

pytestmark = pytest.mark.looptime

SECRETS = "/api/v1/namespaces/team-a/secrets"
PROVEN = f"{SECRETS}/proven"
REFERENCE = Reference("Secret", "team-a", "proven")
NEW: dict[str, Any] = {"metadata": {"namespace": "team-a", "name": "proven"}, "data": {"a": "Yg=="}}
READ: dict[str, Any] = {**NEW, "metadata": {**NEW["metadata"], "uid": "u", "resourceVersion": "10"}}
WRITTEN = {"metadata": {"uid": "u", "resourceVersion": "11"}}


@pytest.fixture
def writer(client: KubernetesClient) -> SecretWriter:
    return SecretWriter(client)


async def test_a_missing_secret_is_none(fake: FakeApi, writer: SecretWriter) -> None:
    fake.on("GET", PROVEN, Answer(404))
    assert await writer.read(REFERENCE) is None


async def test_a_new_one_is_created_and_only_its_metadata_comes_back(
    fake: FakeApi, writer: SecretWriter
) -> None:
    fake.on("POST", SECRETS, Answer(201, WRITTEN))
    assert await writer.write(REFERENCE, NEW) == WRITTEN
    (asked,) = fake.seen
    assert (asked.body, asked.query) == (NEW, {"fieldManager": "smtp-operator"})
    assert "PartialObjectMetadata" in asked.headers["Accept"]


async def test_an_existing_one_is_replaced_over_its_version(fake: FakeApi, writer: SecretWriter) -> None:
    fake.on("PUT", PROVEN, Answer(200, WRITTEN))
    assert await writer.write(REFERENCE, READ) == WRITTEN
    assert fake.seen[0].body["metadata"]["resourceVersion"] == "10"


@pytest.mark.parametrize(("method", "secret"), [("POST", NEW), ("PUT", READ)])
@pytest.mark.parametrize("status", [409, 404])
async def test_a_change_of_others_is_not_overwritten(
    fake: FakeApi, writer: SecretWriter, method: str, secret: dict[str, Any], status: int
) -> None:
    fake.on(method, SECRETS if method == "POST" else PROVEN, Answer(status))
    assert await writer.write(REFERENCE, secret) is None
    assert len(fake.seen) == 1


@pytest.mark.parametrize(("status", "error"), [(403, AccessDenied), (422, RequestRefused)])
async def test_a_refusal_is_raised_at_once_and_quotes_no_value(
    fake: FakeApi, writer: SecretWriter, status: int, error: type[Exception]
) -> None:
    fake.on("PUT", PROVEN, Answer(status, {"message": "no", "reason": "Forbidden"}))
    with pytest.raises(error) as raised:
        await writer.write(REFERENCE, READ)
    assert "Yg==" not in str(raised.value)
    assert len(fake.seen) == 1


FORBIDDEN = 'secrets "proven" is forbidden: '
QUOTA = (
    FORBIDDEN
    + "exceeded quota: few, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5"
)
ENDS = FORBIDDEN + "unable to create new content in namespace team-a because it is being terminated"
POLICY = "ValidatingAdmissionPolicy 'strong' with binding 'all' denied request"
WEBHOOK = 'admission webhook "strong.example.com" denied the request'
DENIALS = {
    "no role": (
        403,
        FORBIDDEN
        + 'User "operator" cannot create resource "secrets" in API group "" in the namespace "team-a"',
        True,
        'cannot create resource "secrets" in API group "" in the namespace "team-a"',
    ),
    "a quota": (403, QUOTA, False, QUOTA),
    "a namespace that ends": (403, ENDS, False, ENDS),
    "a policy": (403, f"{FORBIDDEN}{POLICY}: s3cret is\ntoo short", False, FORBIDDEN + POLICY),
    "a webhook": (403, f"{WEBHOOK}: password s3cret: too short", False, WEBHOOK),
    "a webhook without words": (
        403,
        f"{WEBHOOK} without explanation",
        False,
        f"{WEBHOOK} without explanation",
    ),
    "an expired token": (401, "Unauthorized", False, "401: Unauthorized"),
}


@pytest.mark.parametrize(
    ("status", "message", "lacks_permission", "shown"), DENIALS.values(), ids=DENIALS.keys()
)
async def test_what_is_not_allowed_and_by_whom(
    fake: FakeApi, writer: SecretWriter, status: int, message: str, lacks_permission: bool, shown: str
) -> None:
    """The words of a policy or webhook can quote the Secret, so they are shown to its author only."""
    fake.on("POST", SECRETS, *[Answer(status, {"message": message})] * 2)
    with pytest.raises(AccessDenied) as raised:
        await writer.write(REFERENCE, NEW)
    assert raised.value.lacks_permission is lacks_permission
    assert raised.value.without_denial.endswith(shown)
    assert "s3cret" not in raised.value.without_denial


@pytest.mark.parametrize("who", [POLICY, WEBHOOK])
async def test_a_refusal_names_the_policy_and_not_its_words(
    fake: FakeApi, writer: SecretWriter, who: str
) -> None:
    fake.on("POST", SECRETS, Answer(422, {"message": f"{who}: s3cret is\ntoo short", "reason": "Invalid"}))
    with pytest.raises(RequestRefused) as raised:
        await writer.write(REFERENCE, NEW)
    assert str(raised.value) == f"POST {SECRETS}: 422 Invalid: {who}"
    assert raised.value.denial == "s3cret is too short"


async def test_an_unavailable_api_server_is_tried_for_half_a_minute(
    fake: FakeApi, writer: SecretWriter
) -> None:
    started = asyncio.get_running_loop().time()
    fake.on("PUT", PROVEN, *[Answer(503)] * 50)
    with pytest.raises(ApiUnavailable):
        await writer.write(REFERENCE, READ)
    assert asyncio.get_running_loop().time() - started <= 30


async def test_it_is_deleted_only_as_it_was_read(fake: FakeApi, writer: SecretWriter) -> None:
    fake.on("DELETE", PROVEN, Answer(200), Answer(404), Answer(409))
    assert [await writer.delete(REFERENCE, READ) for _ in range(3)] == [True, True, False]
    assert {str(it.body["preconditions"]) for it in fake.seen} == {str({"uid": "u", "resourceVersion": "10"})}


async def test_without_the_lease_nothing_is_written(fake: FakeApi, client: KubernetesClient) -> None:
    lease = LeaderLease(client, namespace="ops", name="smtp-operator", identity="asleep")
    writer = SecretWriter(client, lease)
    for request in (
        writer.write(REFERENCE, NEW),
        writer.write(REFERENCE, READ),
        writer.delete(REFERENCE, READ),
    ):
        with pytest.raises(LeaseLost):
            await request
    assert fake.seen == []
