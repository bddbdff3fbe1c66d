# SPDX-License-Identifier: Apache-2.0
"""Objects whose deletion no watch reported are forgotten nevertheless."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.handlers.relist import INTERVAL, DeletionDetector
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi, expired, page, partial

pytestmark = pytest.mark.looptime

CONFIGS = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
VAULTS = "/apis/smtp-operator.io/v1alpha1/clustersmtpvaults"
MAIL = ObjectKey("team-a", "mail")
OTHER = ObjectKey("team-a", "other")


class RecordingSink:
    """Knows some objects, and writes down which it is told to forget."""

    def __init__(self, *keys: ObjectKey) -> None:
        self.there = {key: f"uid-of-{key.name}" for key in keys}
        self.forgotten: asyncio.Queue[ObjectKey] = asyncio.Queue()

    def on_change(self, object_: JsonObject) -> bool:
        raise AssertionError(object_)

    def forget(self, key: ObjectKey, uid: str) -> None:
        assert self.there.pop(key) == uid
        self.forgotten.put_nowait(key)

    def known(self) -> list[tuple[ObjectKey, str]]:
        return list(self.there.items())


class RelistRun:
    """Runs on a fake API server."""

    def __init__(self, client: KubernetesClient) -> None:
        self.configs = RecordingSink(MAIL, OTHER)
        self.vaults = RecordingSink()
        cluster = KubernetesCluster(client, Settings())
        self.deletions = DeletionDetector(
            cluster, {"SmtpConfig": self.configs, "ClusterSmtpVault": self.vaults}
        )
        self.task = asyncio.create_task(self.deletions.run())


@pytest.fixture
async def search(client: KubernetesClient) -> AsyncIterator[RelistRun]:
    it = RelistRun(client)
    yield it
    it.task.cancel()
    await asyncio.wait([it.task])


async def test_what_is_gone_after_a_listing_is_forgotten(fake: FakeApi, search: RelistRun) -> None:
    fake.on("GET", CONFIGS, Answer(body=page(partial("mail", 5), version=9)))

    search.deletions.listed()

    assert await search.configs.forgotten.get() == OTHER
    assert list(search.configs.there) == [MAIL]
    assert asyncio.get_running_loop().time() < INTERVAL


async def test_one_of_the_same_name_is_another_one(fake: FakeApi, search: RelistRun) -> None:
    again = partial("other", 8, uid="another-uid")
    fake.on("GET", CONFIGS, Answer(body=page(partial("mail", 5), again, version=9)))

    search.deletions.listed()

    assert await search.configs.forgotten.get() == OTHER


async def test_it_asks_for_metadata_once_for_a_whole_listing(fake: FakeApi, search: RelistRun) -> None:
    fake.always("GET", CONFIGS, Answer(body=page(partial("mail", 5), partial("other", 6), version=9)))

    for _ in range(100):
        search.deletions.listed()
    await asyncio.sleep(INTERVAL - 1)

    (asked,) = fake.asked("GET", CONFIGS)
    assert "as=PartialObjectMetadataList" in asked.headers["Accept"]
    assert search.configs.forgotten.empty()


async def test_without_a_listing_it_looks_every_five_minutes(fake: FakeApi, search: RelistRun) -> None:
    """An empty listing produces no event."""
    fake.always("GET", CONFIGS, Answer(body=page(version=9)))

    assert {await search.configs.forgotten.get(), await search.configs.forgotten.get()} == {MAIL, OTHER}
    assert asyncio.get_running_loop().time() >= INTERVAL


async def test_of_a_kind_of_which_nothing_is_known_it_does_not_ask(fake: FakeApi, search: RelistRun) -> None:
    fake.always("GET", CONFIGS, Answer(body=page(partial("mail", 5), partial("other", 6), version=9)))

    await asyncio.sleep(3 * INTERVAL)

    assert fake.asked("GET", VAULTS) == []


async def test_a_deleted_vault_object_is_forgotten_too(fake: FakeApi, search: RelistRun) -> None:
    fake.always("GET", CONFIGS, Answer(body=page(partial("mail", 5), partial("other", 6), version=9)))
    fake.always("GET", VAULTS, Answer(body=page(version=9)))
    corp = ObjectKey("", "corp")
    search.vaults.there[corp] = "uid-of-corp"

    search.deletions.listed()

    assert await search.vaults.forgotten.get() == corp


async def test_where_it_cannot_be_known_nothing_is_forgotten_and_it_asks_again(
    fake: FakeApi, search: RelistRun
) -> None:
    throttled = Answer(429, {"message": "too many requests"}, {"Retry-After": "40"})
    fake.on("GET", CONFIGS, throttled, Answer(500), Answer(403))
    fake.on("GET", CONFIGS, Answer(body=page(partial("mail", 5), version=9, following="token")))
    fake.on("GET", CONFIGS, Answer(410, expired()), Answer(body=page(partial("mail", 5), version=12)))

    search.deletions.listed()

    assert await search.configs.forgotten.get() == OTHER
    first, second, third, fourth, *_ = fake.asked("GET", CONFIGS)
    assert second.time - first.time >= 40
    assert fourth.time - third.time > third.time - second.time
