# SPDX-License-Identifier: Apache-2.0
"""The session handles the events; kopf receives none, and continues its watch after those that mattered."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.cluster.access import Access
from smtp_operator.handlers.event_filter import EventFilter
from smtp_operator.handlers.kopf_setup import log_in
from smtp_operator.setting_parsers import ServedNamespaces
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, event, page

LIST = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
KIND = "smtpconfigs"


class Generations:
    """Finds a new generation relevant, and records what it receives."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.received: list[str] = []

    def on_change(self, object_: JsonObject) -> bool:
        metadata = object_["metadata"]
        if metadata["generation"] < 0:
            raise RuntimeError(object_)
        if self.seen.get(metadata["uid"]) == metadata["generation"]:
            return False
        self.seen[metadata["uid"]] = metadata["generation"]
        self.received.append(f"{metadata['name']} {metadata['generation']}")
        return True

    def forget(self, key: ObjectKey, uid: str) -> None:
        self.received.append(f"forget {key} {uid}")

    def known(self) -> list[tuple[ObjectKey, str]]:
        return []


@pytest.fixture
def sink() -> Generations:
    return Generations()


@pytest.fixture
def listings() -> list[None]:
    return []


@pytest.fixture
def event_filter(sink: Generations, listings: list[None]) -> EventFilter:
    served = ServedNamespaces(excluded=("excluded",))
    return EventFilter({KIND: sink}, served=served, listed=lambda: listings.append(None))


@pytest.fixture
async def session(fake: FakeApi, event_filter: EventFilter) -> AsyncIterator[aiohttp.ClientSession]:
    info = await log_in(Access(Configuration(host=fake.url), None, "test"), event_filter)
    async with info.aiohttp_session as it:
        yield it


def an_object(version: int, generation: int = 1, namespace: str = "team-a", uid: str = "1") -> JsonObject:
    return {
        "metadata": {
            "name": "mail",
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
        }
    }


@pytest.mark.parametrize("type_", [None, "ADDED", "MODIFIED"])
def test_a_change_matters_once(event_filter: EventFilter, sink: Generations, type_: str | None) -> None:
    assert event_filter.handle(KIND, type_, an_object(5))
    assert not event_filter.handle(KIND, type_, an_object(5))
    assert not event_filter.handle(KIND, "MODIFIED", an_object(6))
    assert event_filter.handle(KIND, "MODIFIED", an_object(7, generation=2))
    assert sink.received == ["mail 1", "mail 2"]


def test_a_deletion_always_matters(event_filter: EventFilter, sink: Generations) -> None:
    event_filter.handle(KIND, None, an_object(5))
    assert event_filter.handle(KIND, "DELETED", an_object(6))
    assert sink.received == ["mail 1", "forget team-a/mail 1"]


@pytest.mark.parametrize("type_", [None, "ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize(("namespace", "served"), [("excluded", False), ("team-b", True)])
def test_no_event_of_an_excluded_namespace_is_handled(
    event_filter: EventFilter, sink: Generations, type_: str | None, namespace: str, served: bool
) -> None:
    assert event_filter.handle(KIND, type_, an_object(5, namespace=namespace)) is served
    assert bool(sink.received) is served


def test_a_bug_in_handling_one_object_does_not_stop_the_watch(
    event_filter: EventFilter, caplog: pytest.LogCaptureFixture
) -> None:
    assert event_filter.handle(KIND, "ADDED", an_object(5, generation=-1) | {"spec": "s3cret"})
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "an event of smtpconfigs team-a/mail was ignored: RuntimeError at test_event_filter.py"
    )
    assert (record.levelname, "s3cret" in caplog.text) == ("ERROR", False)


async def test_the_objects_of_a_page_are_handled_and_kopf_gets_none(
    fake: FakeApi, session: aiohttp.ClientSession, sink: Generations, listings: list[None]
) -> None:
    items = [an_object(5), an_object(6, uid="2"), an_object(7, namespace="excluded", uid="3")]
    fake.on("GET", LIST, Answer(body=page(*items, version=9, following="token")))
    async with session.get(f"{fake.url}{LIST}", params={"limit": "25"}) as response:
        found = await response.json()
    assert (found["items"], found["metadata"]) == ([], {"resourceVersion": "9", "continue": "token"})
    assert sink.seen == {"1": 1, "2": 1}
    assert len(listings) == 1


async def test_kopf_gets_bookmarks_for_events_that_mattered_and_errors(
    fake: FakeApi, session: aiohttp.ClientSession, event_filter: EventFilter, sink: Generations
) -> None:
    event_filter.handle(KIND, None, an_object(5))
    gone = {"kind": "Status", "code": 410}
    lines = [
        event("MODIFIED", an_object(6)),
        event("MODIFIED", an_object(7, generation=2)),
        event("BOOKMARK", {"metadata": {"resourceVersion": "8"}}),
        event("ADDED", an_object(9, namespace="excluded", uid="9")),
        event("DELETED", an_object(10)),
        event("ERROR", gone),
    ]
    stream = Stream(*lines)
    stream.end()
    fake.on("WATCH", LIST, stream)
    async with session.get(f"{fake.url}{LIST}", params={"watch": "true"}) as response:
        found = [json.loads(line) async for line in response.content.iter_chunked(1024)]
    bookmarks = [
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
        for version in ("7", "8", "10")
    ]
    assert found == [*bookmarks, {"type": "ERROR", "object": gone}]
    assert sink.received == ["mail 1", "mail 2", "forget team-a/mail 1"]


async def test_other_resources_are_not_touched(fake: FakeApi, session: aiohttp.ClientSession) -> None:
    path = "/api/v1/namespaces"
    fake.on("GET", path, Answer(body=page(an_object(5), version=9)))
    async with session.get(f"{fake.url}{path}", params={"limit": "25"}) as response:
        assert (await response.json())["items"] == [an_object(5)]
