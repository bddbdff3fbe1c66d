# SPDX-License-Identifier: Apache-2.0
"""On a real API server, the metadata watch sees changes, but never data."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable

import pytest

from smtp_operator.api.objects import ObjectMetadata, Reference
from smtp_operator.cluster.client import METADATA, METADATA_LIST, KubernetesClient
from smtp_operator.cluster.metadata_informer import MetadataInformer
from smtp_tools.localcluster import LocalCluster

PASSWORD = "correct horse battery staple"
ENCODED = base64.b64encode(PASSWORD.encode()).decode()

News = tuple[str, ObjectMetadata | None]


class Owner:
    """A user who creates and changes Secrets."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self._cluster, self.namespace = cluster, namespace

    def create(self, name: str, *labels: str) -> None:
        # `kubectl apply` would copy the data into an annotation.
        self._kubectl("create", "secret", "generic", name, f"--from-literal=password={PASSWORD}")
        if labels:
            self._kubectl("label", "secret", name, *labels)

    def rotate(self, name: str) -> None:
        patch = {"stringData": {"password": "another"}}
        self._kubectl("patch", "secret", name, "-p", json.dumps(patch))

    def delete(self, name: str) -> None:
        self._kubectl("delete", "secret", name)

    def reference(self, name: str) -> Reference:
        return Reference("Secret", self.namespace, name)

    def _kubectl(self, *words: str) -> None:
        self._cluster.kubectl("-n", self.namespace, *words)


@pytest.fixture
def owner(cluster: LocalCluster, namespace: str) -> Owner:
    return Owner(cluster, namespace)


class RunningWatch:
    """A running watch and its events."""

    def __init__(self, watch: Callable[[Callable[..., None]], MetadataInformer]) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self.watch = watch(lambda reference, metadata: self._news.put_nowait((reference.name, metadata)))
        self.task = asyncio.create_task(self.watch.run())

    async def next(self) -> News:
        return await asyncio.wait_for(self._news.get(), 60)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture
async def following(real_client: KubernetesClient, owner: Owner) -> AsyncIterator[RunningWatch]:
    it = RunningWatch(
        lambda changed: MetadataInformer(
            real_client,
            "Secret",
            None,
            wanted=lambda reference: reference == owner.reference("mail"),
            changed=changed,
        )
    )
    await it.watch.synced()
    yield it
    await it.stop()


async def test_no_line_of_a_watch_holds_data(real_client: KubernetesClient, owner: Owner) -> None:
    path = f"/api/v1/namespaces/{owner.namespace}/secrets"
    lines: list[bytes] = []
    query = [("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", "300")]
    async with real_client.lines(path, query=query, accept=METADATA, silence=60) as stream:
        owner.create("mail")
        owner.rotate("mail")
        owner.delete("mail")
        async for line in stream:
            lines.append(line)
            if b'"DELETED"' in line:
                break
    told = [json.loads(line) for line in lines]
    assert [it["type"] for it in told if it["type"] != "BOOKMARK"] == ["ADDED", "MODIFIED", "DELETED"]
    assert {it["object"]["kind"] for it in told} == {"PartialObjectMetadata"}
    assert all("data" not in it["object"] for it in told)
    assert not any(ENCODED.encode() in line for line in lines)


async def test_no_page_of_a_list_holds_data(real_client: KubernetesClient, owner: Owner) -> None:
    owner.create("mail")
    path = f"/api/v1/namespaces/{owner.namespace}/secrets"
    pages = [page async for page in real_client.pages(path, accept=METADATA_LIST)]
    (item,) = pages[0]["items"]
    assert item["metadata"]["name"] == "mail"
    assert "data" not in item
    assert ENCODED not in json.dumps(pages)


async def test_create_update_and_delete_are_seen(following: RunningWatch, owner: Owner) -> None:
    owner.create("mail")
    name, created = await following.next()
    assert (name, created and created.reference) == ("mail", owner.reference("mail"))
    owner.rotate("mail")
    _, rotated = await following.next()
    assert created is not None
    assert rotated is not None
    assert rotated.uid == created.uid
    assert rotated.version != created.version
    owner.delete("mail")
    assert await following.next() == ("mail", None)


async def test_who_changed_which_key_is_known(following: RunningWatch, owner: Owner) -> None:
    owner.create("mail")
    _, metadata = await following.next()
    assert metadata is not None
    (write,) = metadata.writes
    assert write.data_keys == ("password",)


async def test_unreferenced_objects_are_not_reported(following: RunningWatch, owner: Owner) -> None:
    owner.create("other")
    owner.create("mail")
    assert (await following.next())[0] == "mail"


async def test_in_label_mode_only_labelled_objects_are_seen(
    real_client: KubernetesClient, owner: Owner
) -> None:
    owner.create("plain")
    owner.create("chosen", "smtp-operator.io/watch=true")
    following = RunningWatch(
        lambda changed: MetadataInformer(
            real_client,
            "Secret",
            owner.namespace,
            wanted=lambda _: True,
            changed=changed,
            labelled_only=True,
        )
    )
    assert (await following.next())[0] == "chosen"
    owner.rotate("plain")
    owner.rotate("chosen")
    assert (await following.next())[0] == "chosen"
    await following.stop()


async def test_lists_come_in_pages(real_client: KubernetesClient, owner: Owner) -> None:
    for name in ("a", "b", "c"):
        owner.create(name)
    path = f"/api/v1/namespaces/{owner.namespace}/secrets"
    sizes = [len(page["items"]) async for page in real_client.pages(path, accept=METADATA_LIST, page_size=2)]
    assert sizes == [2, 1]


@pytest.mark.alone
async def test_a_restart_of_the_api_server_is_survived_and_nothing_missed(
    cluster: LocalCluster, owner: Owner, following: RunningWatch
) -> None:
    owner.create("mail")
    _, before = await following.next()
    await asyncio.to_thread(cluster.stop_apiserver)
    await asyncio.to_thread(cluster.start_apiserver)
    owner.rotate("mail")
    _, after = await following.next()
    assert before is not None
    assert after is not None
    assert after.version != before.version
