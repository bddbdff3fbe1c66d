# SPDX-License-Identifier: Apache-2.0
"""No object that the API server lists, watches or gives is too long for the process: attacks by length.

An owner reference of 1.2 million `<`, which any user may write, has 7 MB as JSON.
"""

import asyncio
import json
import logging
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.api.errors import ApiUnavailable
from smtp_operator.api.objects import JsonObject, ObjectMetadata, Reference, field_writes
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.metadata_informer import MetadataInformer
from smtp_operator.cluster.traffic import Uncounted
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, bookmark, event, page, partial

CONFIG_MAPS = "/api/v1/configmaps"
MAIL = Reference("ConfigMap", "team-a", "mail")
ESCAPED = "\\u003c" * 1_200_000
LIMIT = 30 * 1024 * 1024
"""Bytes that such objects may add while they are read, the copies of a server in this process among them."""


class Counting(Uncounted):
    """Counts long objects."""

    def __init__(self) -> None:
        self.resources: list[str] = []

    def oversized(self, resource: str) -> None:
        self.resources.append(resource)


@pytest.fixture
def traffic() -> Counting:
    return Counting()


@pytest.fixture
async def counted(fake: FakeApi, traffic: Counting) -> AsyncIterator[KubernetesClient]:
    it = KubernetesClient(Access(Configuration(host=fake.url), None, "test"), traffic)
    yield it
    await it.close()


@contextmanager
def little_memory(limit: int = LIMIT) -> Iterator[None]:
    """At most that many bytes are allocated meanwhile at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def long_json(object_: JsonObject, escaped: str = ESCAPED) -> bytes:
    """The object with an owner reference of that many characters, as the API server writes it."""
    metadata = object_["metadata"] | {"ownerReferences": [{"name": "@"}]}
    return json.dumps(object_ | {"metadata": metadata}).replace("@", escaped).encode()


def long_line(type_: str, object_: JsonObject) -> bytes:
    return b'{"type":"' + type_.encode() + b'","object":' + long_json(object_) + b"}\n"


def long_page(*items: JsonObject, version: int, following: str = "") -> bytes:
    empty = page(version=version, following=following) | {"items": ["@"]}
    return json.dumps(empty).encode().replace(b'"@"', b",".join(map(long_json, items)))


class ReferenceTracker:
    """A running watch of ConfigMaps and what it told."""

    def __init__(self, client: KubernetesClient) -> None:
        self.news: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
        self.watch = MetadataInformer(
            client, "ConfigMap", None, wanted=lambda it: it == MAIL, changed=self._changed
        )
        self.task = asyncio.create_task(self.watch.run())

    def _changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        self.news.put_nowait((reference.name, metadata.version if metadata else None))


@pytest.fixture
async def follower(fake: FakeApi, counted: KubernetesClient) -> AsyncIterator[ReferenceTracker]:
    it = ReferenceTracker(counted)
    yield it
    it.task.cancel()
    await asyncio.wait([it.task])


async def test_a_watch_line_of_7_mb_ends_no_watch(
    fake: FakeApi, follower: ReferenceTracker, traffic: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream()
    stream.say_raw(long_line("ADDED", partial("other", 10)))
    stream.say_raw(long_line("MODIFIED", partial("mail", 11)))
    stream.say(bookmark(12), event("MODIFIED", partial("mail", 13)))
    fake.on("GET", CONFIG_MAPS, Answer(body=page(version=9)))
    fake.on("WATCH", CONFIG_MAPS, stream)
    with caplog.at_level(logging.WARNING), little_memory(3 * LIMIT):
        assert await follower.news.get() == ("mail", "uid-of-mail/11")
        assert await follower.news.get() == ("mail", "uid-of-mail/13")
    assert len(fake.asked("WATCH", CONFIG_MAPS)) == 1
    assert traffic.resources == ["configmaps", "configmaps"]
    assert [it.getMessage() for it in caplog.records] == [
        "configmaps team-a/other has 7,200,315 bytes as JSON (more than 1,048,576). The operator reads"
        " only the fields that it needs of such an object. Remove what makes it so long, such as annotations"
        " or ownerReferences."
    ]


async def test_the_deletion_of_a_long_object_is_told(fake: FakeApi, follower: ReferenceTracker) -> None:
    stream = Stream(event("ADDED", partial("mail", 10)))
    stream.say_raw(long_line("DELETED", partial("mail", 11)))
    fake.on("GET", CONFIG_MAPS, Answer(body=page(version=9)))
    fake.on("WATCH", CONFIG_MAPS, stream)
    assert await follower.news.get() == ("mail", "uid-of-mail/10")
    assert await follower.news.get() == ("mail", None)


async def test_twenty_long_objects_do_not_keep_it_from_starting(
    fake: FakeApi, follower: ReferenceTracker, traffic: Counting
) -> None:
    objects = [partial("mail" if number == 7 else f"m{number}", number) for number in range(20)]
    several = Answer(body=long_page(*objects[:3], version=30, following="token-0"))
    fake.on("GET", CONFIG_MAPS, several, several, several)
    for number, object_ in enumerate(objects, 1):
        following = f"token-{number}" if number < 20 else ""
        fake.on("GET", CONFIG_MAPS, Answer(body=long_page(object_, version=30, following=following)))
    fake.on("WATCH", CONFIG_MAPS, Stream())
    with little_memory(3 * LIMIT):
        await follower.watch.synced()
    assert follower.news.get_nowait() == ("mail", "uid-of-mail/7")
    assert follower.news.empty()
    limits = [it.query["limit"] for it in fake.asked("GET", CONFIG_MAPS)]
    assert limits == ["200", "25", "3", *["1"] * 20]
    assert traffic.resources == ["configmaps"] * 20


async def test_a_page_grows_again_behind_long_objects(fake: FakeApi, counted: KubernetesClient) -> None:
    fake.on("GET", CONFIG_MAPS, Answer(body=long_page(*[partial("a", 1)] * 2, version=9, following="x")))
    fake.on("GET", CONFIG_MAPS, *[Answer(body=page(version=9, following="y"))] * 4)
    fake.on("GET", CONFIG_MAPS, Answer(body=page(version=9)))
    found = [it async for it in counted.pages(CONFIG_MAPS, page_size=100)]
    assert len(found) == 5
    limits = [it.query["limit"] for it in fake.asked("GET", CONFIG_MAPS)]
    assert limits == ["100", "12", "48", "100", "100", "100"]
    asked_again = fake.asked("GET", CONFIG_MAPS)[1]
    assert "continue" not in asked_again.query


@pytest.mark.parametrize(
    "long",
    [
        {"annotations": {"example.com/note": "@"}},
        {"labels": {"a": "@"}},
        {"managedFields": [{"manager": "kubectl", "fieldsV1": {"f:data": {"@": {}}}}]},
        {"managedFields": [{"manager": "@"}]},
        {"finalizers": ["example.com/@"]},
        {"annotations": {"smtp-operator.io/allowed-servers": "@"}},
    ],
    ids=["annotation", "label", "keys", "manager", "finalizer", "allowed servers"],
)
async def test_an_object_that_is_read_costs_what_is_needed_of_it(
    fake: FakeApi, counted: KubernetesClient, long: JsonObject
) -> None:
    found = partial("mail", 5)
    metadata = found["metadata"] | long
    body = json.dumps(found | {"kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": "pem"}})
    answer = Answer(body=body.replace("@", ESCAPED).encode())
    fake.on("GET", "/api/v1/namespaces/team-a/configmaps/mail", answer)
    with little_memory():
        read = await KubernetesCluster(counted, Settings()).get_object(MAIL)
    assert read["data"] == {"ca.crt": "pem"}
    assert len(json.dumps(read)) < 200_000


async def test_a_value_of_3_mb_is_not_kept(fake: FakeApi, counted: KubernetesClient) -> None:
    found = partial("mail", 5) | {"data": {"ca.crt": "@", "other": "pem"}}
    body = json.dumps(found).replace("@", "\\u003c" * 500_000).encode()
    fake.on("GET", "/api/v1/namespaces/team-a/configmaps/mail", Answer(body=body))
    with little_memory():
        read = await KubernetesCluster(counted, Settings()).get_object(MAIL)
    assert read["data"] == {"ca.crt": False, "other": "pem"}


async def test_our_own_objects_are_listed_without_their_ballast(
    fake: FakeApi, counted: KubernetesClient
) -> None:
    path = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
    found = partial("mail", 5) | {"kind": "SmtpConfig", "spec": {"server": "smtp.example.com"}}
    many = [partial("many", 1)] * 2
    fake.on("GET", path, *[Answer(body=long_page(*many, version=9))] * 2)
    fake.on("GET", path, Answer(body=long_page(found, version=9)))
    fake.on(
        "GET",
        f"{path.replace('smtpconfigs', 'namespaces/team-a/smtpconfigs')}/mail",
        Answer(body=long_json(found)),
    )
    cluster = KubernetesCluster(counted, Settings())
    with little_memory():
        (listed,) = [it async for it in cluster.list_objects("SmtpConfig")]
        read = await cluster.get_object(Reference("SmtpConfig", "team-a", "mail"))
    assert (
        read
        == listed
        == {
            "kind": "SmtpConfig",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {name: value for name, value in found["metadata"].items() if name != "managedFields"},
            "spec": {"server": "smtp.example.com"},
        }
    )


async def test_an_answer_without_bound_is_not_read(fake: FakeApi, counted: KubernetesClient) -> None:
    fake.on("GET", "/openapi/v3", Answer(body=b'"' + b"x" * 5_000_000 + b'"'))
    with pytest.raises(ApiUnavailable) as caught:
        await counted.request("GET", "/openapi/v3")
    assert str(caught.value) == "GET /openapi/v3: the response has more than 4,194,304 bytes"


async def test_answers_are_not_asked_for_compressed(fake: FakeApi, counted: KubernetesClient) -> None:
    fake.on("GET", CONFIG_MAPS, Answer())
    await counted.request("GET", CONFIG_MAPS)
    assert fake.seen[0].headers["Accept-Encoding"] == "identity"


async def test_the_loop_has_its_turns_while_a_long_object_is_read(
    fake: FakeApi, counted: KubernetesClient
) -> None:
    fake.on("GET", "/api/v1/namespaces/team-a/configmaps/mail", Answer(body=long_json(partial("mail", 5))))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(others())
    await KubernetesCluster(counted, Settings()).get_object(MAIL)
    task.cancel()
    assert turns > 7_200_000 / 16384


@pytest.mark.parametrize(("keys", "kept"), [(10, 1), (500, 1), (7_000, 0)])
def test_of_an_object_with_thousands_of_keys_no_key_is_remembered(keys: int, kept: int) -> None:
    fields: JsonObject = {f"f:{number}": {} for number in range(keys)}
    assert len(field_writes([{"manager": "kubectl", "fieldsV1": {"f:data": fields}}])) == kept
