# SPDX-License-Identifier: Apache-2.0
"""kopf receives only events that matter, and continues its watch after all others."""

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

    def is_relevant(self, object_: JsonObject) -> bool:
        metadata = object_["metadata"]
        return self.seen.get(metadata["uid"]) != int(metadata["generation"])

    def on_change(self, object_: JsonObject) -> None:
        metadata = object_["metadata"]
        self.seen[metadata["uid"]] = metadata["generation"]
        self.received.append(f"{metadata['name']} {metadata['generation']}")

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
def test_an_event_passes_once(event_filter: EventFilter, sink: Generations, type_: str | None) -> None:
    assert event_filter.passes(KIND, type_, an_object(5))
    event_filter.handle(KIND, type_, an_object(5))
    assert not event_filter.passes(KIND, type_, an_object(5))
    assert not event_filter.passes(KIND, "MODIFIED", an_object(6))
    assert event_filter.passes(KIND, "MODIFIED", an_object(7, generation=2))
    assert sink.received == ["mail 1"]


def test_events_pass_while_an_earlier_one_waits(event_filter: EventFilter, sink: Generations) -> None:
    event_filter.handle(KIND, None, an_object(5))
    assert event_filter.passes(KIND, "MODIFIED", an_object(6, generation=2))
    assert event_filter.passes(KIND, "MODIFIED", an_object(7, generation=1))  # undoes the waiting change
    event_filter.handle(KIND, "MODIFIED", an_object(6, generation=2))
    assert event_filter.passes(KIND, "MODIFIED", an_object(8, generation=2))
    event_filter.handle(KIND, "MODIFIED", an_object(8, generation=2))
    assert not event_filter.passes(KIND, "MODIFIED", an_object(9, generation=2))
    assert sink.received == ["mail 1", "mail 2", "mail 2"]


def test_a_deletion_always_passes(event_filter: EventFilter, sink: Generations) -> None:
    event_filter.handle(KIND, None, an_object(5))
    assert event_filter.passes(KIND, "DELETED", an_object(6))
    event_filter.handle(KIND, "DELETED", an_object(6))
    assert sink.received == ["mail 1", "forget team-a/mail 1"]


@pytest.mark.parametrize("type_", [None, "ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize(("namespace", "passed"), [("excluded", False), ("team-b", True)])
def test_no_event_of_an_excluded_namespace_passes(
    event_filter: EventFilter, type_: str | None, namespace: str, passed: bool
) -> None:
    assert event_filter.passes(KIND, type_, an_object(5, namespace=namespace)) is passed


def test_objects_of_other_resources_pass(event_filter: EventFilter) -> None:
    assert event_filter.passes("namespaces", "ADDED", {})


async def test_a_page_has_only_objects_that_matter(
    fake: FakeApi, session: aiohttp.ClientSession, event_filter: EventFilter, listings: list[None]
) -> None:
    event_filter.handle(KIND, None, an_object(5))
    items = [an_object(5), an_object(6, uid="2"), an_object(7, namespace="excluded", uid="3")]
    fake.on("GET", LIST, Answer(body=page(*items, version=9, following="token")))
    async with session.get(f"{fake.url}{LIST}", params={"limit": "25"}) as response:
        found = await response.json()
    assert [it["metadata"]["uid"] for it in found["items"]] == ["2"]
    assert found["metadata"] == {"resourceVersion": "9", "continue": "token"}
    assert len(listings) == 1


async def test_a_watch_shows_bookmarks_and_errors_but_no_event_that_does_not_matter(
    fake: FakeApi, session: aiohttp.ClientSession, event_filter: EventFilter
) -> None:
    event_filter.handle(KIND, None, an_object(5))
    gone = {"kind": "Status", "code": 410}
    lines = [
        event("MODIFIED", an_object(6)),
        event("MODIFIED", an_object(7, generation=2)),
        event("BOOKMARK", {"metadata": {"resourceVersion": "8"}}),
        event("ADDED", an_object(9, namespace="excluded", uid="9")),
        event("ERROR", gone),
    ]
    stream = Stream(*lines)
    stream.end()
    fake.on("WATCH", LIST, stream)
    async with session.get(f"{fake.url}{LIST}", params={"watch": "true"}) as response:
        found = [json.loads(line) async for line in response.content.iter_chunked(1024)]
    assert [(it["type"], it["object"].get("metadata", {}).get("resourceVersion")) for it in found] == [
        ("MODIFIED", "7"),
        ("BOOKMARK", "8"),
        ("ERROR", None),
    ]
    assert found[-1]["object"] == gone
