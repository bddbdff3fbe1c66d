# SPDX-License-Identifier: Apache-2.0
"""The operator reads of a long SmtpConfig what it needs: attacks by length on kopf's lists and watches."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.cluster.access import Access
from smtp_operator.cluster.traffic import Uncounted
from smtp_operator.handlers.event_filter import EventFilter
from smtp_operator.handlers.kopf_setup import log_in
from smtp_operator.setting_parsers import ServedNamespaces
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, event, page
from smtp_testkit.fakeapi.smtpconfigs import smtp_config

LIST = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
BALLAST: dict[str, JsonObject] = {
    "annotation": {"annotations": {"example.com/note": "@"}},
    "owner": {"ownerReferences": [{"name": "@"}]},
    "writers": {"managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"@": {}}}}]},
    "label": {"labels": {"example.com/a": "@"}},
}


class Counting(Uncounted):
    def __init__(self) -> None:
        self.resources: list[str] = []

    def oversized(self, resource: str) -> None:
        self.resources.append(resource)


@pytest.fixture
def traffic() -> Counting:
    return Counting()


class Received:
    """Keeps the objects that it receives."""

    def __init__(self) -> None:
        self.objects: list[JsonObject] = []
        self.forgotten: list[ObjectKey] = []

    def on_change(self, object_: JsonObject) -> bool:
        self.objects.append(object_)
        return True

    def forget(self, key: ObjectKey, uid: str) -> None:
        self.forgotten.append(key)

    def known(self) -> list[tuple[ObjectKey, str]]:
        return []


@pytest.fixture
def sink() -> Received:
    return Received()


@pytest.fixture
async def session(fake: FakeApi, traffic: Counting, sink: Received) -> AsyncIterator[aiohttp.ClientSession]:
    event_filter = EventFilter({"smtpconfigs": sink}, served=ServedNamespaces(), listed=lambda: None)
    info = await log_in(Access(Configuration(host=fake.url), None, "test"), event_filter, traffic)
    async with info.aiohttp_session as it:
        yield it


def long(name: str, ballast: JsonObject, **spec: Any) -> bytes:
    object_ = smtp_config(name=name, **spec)
    text = json.dumps(object_ | {"metadata": object_["metadata"] | ballast})
    return text.replace("@", "\\u003c" * 250_000).encode()


def identity(object_: JsonObject) -> tuple[str, str]:
    assert len(json.dumps(object_)) < 1000
    return object_["metadata"]["name"], object_["spec"]["server"]


@pytest.mark.parametrize("ballast", BALLAST.values(), ids=BALLAST)
async def test_a_watch_line_of_1_5_mb_is_cut_to_what_is_needed(
    fake: FakeApi, session: aiohttp.ClientSession, traffic: Counting, sink: Received, ballast: JsonObject
) -> None:
    stream = Stream(event("ADDED", smtp_config()))
    stream.say_raw(b'{"type":"MODIFIED","object":' + long("long", ballast) + b"}\n")
    stream.say(event("DELETED", smtp_config()))
    stream.end()
    fake.on("WATCH", LIST, stream)
    async with session.get(f"{fake.url}{LIST}", params={"watch": "true"}) as response:
        lines = [json.loads(line) async for line in response.content.iter_chunked(1024 * 1024)]
    assert [it["type"] for it in lines] == ["BOOKMARK"] * 3
    assert [identity(it)[0] for it in sink.objects] == [smtp_config()["metadata"]["name"], "long"]
    assert identity(sink.objects[1]) == ("long", "smtp.example.com")
    assert [it.name for it in sink.forgotten] == [smtp_config()["metadata"]["name"]]
    assert traffic.resources == ["smtpconfigs"]


@pytest.mark.parametrize("ballast", BALLAST.values(), ids=BALLAST)
async def test_a_page_of_long_objects_is_asked_for_in_parts(
    fake: FakeApi, session: aiohttp.ClientSession, traffic: Counting, sink: Received, ballast: JsonObject
) -> None:
    head = json.dumps(page(version=9, following="token") | {"items": ["@"]})
    parts = head.encode().partition(b'"@"')
    alone = parts[0] + long("long", ballast) + parts[2]
    fake.on("GET", LIST, *[Answer(body=parts[0] + long("long", ballast) * 25 + parts[2])] * 2)
    fake.on("GET", LIST, Answer(body=alone))
    async with session.get(f"{fake.url}{LIST}", params={"limit": "25", "continue": "before"}) as response:
        found = await response.json()
    assert found["items"] == []
    assert [identity(it) for it in sink.objects] == [("long", "smtp.example.com")]
    assert found["metadata"] == {"resourceVersion": "9", "continue": "token"}
    queries = [it.query for it in fake.asked("GET", LIST)]
    assert queries == [{"limit": limit, "continue": "before"} for limit in ("25", "3", "1")]
    assert traffic.resources == ["smtpconfigs"]


async def test_a_spec_beyond_all_bounds_is_skipped(
    fake: FakeApi, session: aiohttp.ClientSession, traffic: Counting, sink: Received
) -> None:
    stream = Stream()
    for spec in ({"server": "@" * 3}, {"server": "@" * 20}):
        stream.say_raw(b'{"type":"ADDED","object":' + long("long", {}, **spec) + b"}\n")
    stream.end()
    fake.on("WATCH", LIST, stream)
    async with session.get(f"{fake.url}{LIST}", params={"watch": "true"}) as response:
        lines = [json.loads(line) async for line in response.content.iter_chunked(1024 * 1024)]
    assert [it["type"] for it in lines] == ["BOOKMARK"] * 2
    assert [it["spec"] for it in sink.objects] == [None, None]
    assert traffic.resources == ["smtpconfigs"] * 2


async def test_a_line_that_breaks_off_is_a_broken_connection(
    fake: FakeApi, session: aiohttp.ClientSession
) -> None:
    stream = Stream()
    stream.say_raw(b'{"type":"ADDED","object":' + long("long", BALLAST["owner"]))
    stream.end()
    fake.on("WATCH", LIST, stream)
    async with session.get(f"{fake.url}{LIST}", params={"watch": "true"}) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await anext(aiter(response.content.iter_chunked(1024)))


async def test_other_answers_are_as_they_are(fake: FakeApi, session: aiohttp.ClientSession) -> None:
    fake.on("GET", "/apis", Answer(body={"groups": []}))
    async with session.get(f"{fake.url}/apis") as response:
        assert await response.json() == {"groups": []}


async def test_a_refusal_is_as_it_is(fake: FakeApi, session: aiohttp.ClientSession) -> None:
    fake.on("GET", LIST, Answer(410, {"kind": "Status", "code": 410}))
    async with session.get(f"{fake.url}{LIST}", params={"limit": "25"}) as response:
        assert (response.status, await response.json()) == (410, {"kind": "Status", "code": 410})
