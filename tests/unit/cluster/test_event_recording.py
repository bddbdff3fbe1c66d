# SPDX-License-Identifier: Apache-2.0
"""Each change gets one Event, repetitions become a series, and failures affect nothing else."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from smtp_operator.api.objects import EventRecord, JsonObject, ObjectKey
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.events import WAITING, EventRecorder
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_tools.localcluster import LocalCluster

EVENTS = "/apis/events.k8s.io/v1/namespaces/team-a/events"

NOTICE = EventRecord(
    key=ObjectKey("team-a", "mail"),
    uid="2b8e1c1a-0000-4000-8000-000000000001",
    type="Warning",
    reason="AuthenticationFailed",
    action="TestSendEmail",
    note="The server rejected the username or password.",
)


@asynccontextmanager
async def recording(client: KubernetesClient, docs_url: str = "") -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(client, docs_url)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def recorder(client: KubernetesClient) -> AsyncIterator[EventRecorder]:
    async with recording(client) as it:
        yield it


@pytest.fixture
async def real_recorder(real_client: KubernetesClient) -> AsyncIterator[EventRecorder]:
    async with recording(real_client) as it:
        yield it


@pytest.fixture
def events_of(cluster: LocalCluster, namespace: str) -> Callable[[], list[JsonObject]]:
    """Reads the Events of the namespace."""

    def read() -> list[JsonObject]:
        listed = cluster.kubectl("-n", namespace, "get", "events.events.k8s.io", "-o", "json").stdout
        return list(json.loads(listed)["items"])

    return read


async def test_an_event_says_who_did_what_and_why(
    real_recorder: EventRecorder, namespace: str, events_of: Callable[[], list[JsonObject]]
) -> None:
    real_recorder.record(replace(NOTICE, key=ObjectKey(namespace, "mail")))
    await real_recorder.drain()
    (event,) = events_of()
    assert event["regarding"] == {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "namespace": namespace,
        "name": "mail",
        "uid": NOTICE.uid,
    }
    assert event["reportingController"] == "smtp-operator.io/smtp-operator"
    said = {name: event[name] for name in ("type", "reason", "action", "note")}
    assert said == {
        "type": "Warning",
        "reason": "AuthenticationFailed",
        "action": "TestSendEmail",
        "note": "The server rejected the username or password.",
    }
    assert "series" not in event


async def test_the_same_again_becomes_a_series(
    real_recorder: EventRecorder, namespace: str, events_of: Callable[[], list[JsonObject]]
) -> None:
    for _ in range(3):
        real_recorder.record(replace(NOTICE, key=ObjectKey(namespace, "mail")))
    await real_recorder.drain()
    (event,) = events_of()
    assert event["series"]["count"] == 3
    assert event["series"]["lastObservedTime"] > event["eventTime"]


async def test_the_longest_names_and_notes_are_accepted(
    real_recorder: EventRecorder, namespace: str, events_of: Callable[[], list[JsonObject]]
) -> None:
    real_recorder.record(replace(NOTICE, key=ObjectKey(namespace, "m" * 253), note="ü" * 2000))
    await real_recorder.drain()
    (event,) = events_of()
    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("…")


async def test_an_event_of_a_failure_links_to_the_page_of_its_reason(
    fake: FakeApi, client: KubernetesClient
) -> None:
    fake.on("POST", EVENTS, *[Answer()] * 4)
    url = "https://docs.example.com/reference/reasons/AuthenticationFailed.html"
    async with recording(client, "https://docs.example.com") as recorder:
        recorder.record(NOTICE)
        recorder.record(replace(NOTICE, note="ü" * 2000))
        recorder.record(replace(NOTICE, reason="TestEmailSent", type="Normal"))
        recorder.record(replace(NOTICE, reason="CertificateExpiring"))
        await recorder.drain()
    failed, long, passed, other = (it.body["note"] for it in fake.seen)
    assert failed == f"{NOTICE.note} {url}"
    assert long.endswith(f"… {url}")
    assert len(long.encode()) <= 1024
    assert passed == other == NOTICE.note


async def test_another_reason_is_another_event(fake: FakeApi, recorder: EventRecorder) -> None:
    fake.on("POST", EVENTS, Answer(), Answer())
    recorder.record(NOTICE)
    recorder.record(replace(NOTICE, reason="TestEmailSent", type="Normal"))
    await recorder.drain()
    assert [it.body["reason"] for it in fake.seen] == ["AuthenticationFailed", "TestEmailSent"]


@pytest.mark.looptime
async def test_the_same_after_ten_minutes_is_another_event(fake: FakeApi, recorder: EventRecorder) -> None:
    fake.on("POST", EVENTS, Answer(), Answer())
    recorder.record(NOTICE)
    await recorder.drain()
    await asyncio.sleep(601)
    recorder.record(NOTICE)
    await recorder.drain()
    first, second = fake.seen
    assert first.body["metadata"]["name"] != second.body["metadata"]["name"]


async def test_a_series_whose_event_has_expired_starts_again(fake: FakeApi, recorder: EventRecorder) -> None:
    fake.on("POST", EVENTS, Answer(), Answer())
    recorder.record(NOTICE)
    await recorder.drain()
    name = fake.seen[0].body["metadata"]["name"]
    fake.on("PATCH", f"{EVENTS}/{name}", Answer(404))
    recorder.record(NOTICE)
    await recorder.drain()
    assert [it.method for it in fake.seen] == ["POST", "PATCH", "POST"]


@pytest.mark.looptime
async def test_a_short_outage_is_ridden_over(fake: FakeApi, recorder: EventRecorder) -> None:
    fake.on("POST", EVENTS, Answer(503), Answer(503), Answer())
    recorder.record(NOTICE)
    await recorder.drain()
    assert len(fake.seen) == 3


@pytest.mark.looptime
async def test_a_long_outage_costs_the_event_and_nothing_else(
    fake: FakeApi, recorder: EventRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.always("POST", EVENTS, Answer(503))
    with caplog.at_level(logging.WARNING):
        recorder.record(NOTICE)
        await recorder.drain()
    assert caplog.messages == [f"an Event about SmtpConfig team-a/mail was not written: POST {EVENTS}: 503"]
    fake.always("POST", EVENTS, Answer())
    recorder.record(NOTICE)
    await recorder.drain()


async def test_a_namespace_that_is_going_away_costs_the_event_and_nothing_else(
    fake: FakeApi, recorder: EventRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on("POST", EVENTS, Answer(403, {"reason": "Forbidden", "message": "it is being terminated"}))
    with caplog.at_level(logging.WARNING):
        recorder.record(NOTICE)
        await recorder.drain()
    assert caplog.messages == [
        "an Event about SmtpConfig team-a/mail was not written:"
        f" POST {EVENTS}: 403 Forbidden: it is being terminated"
    ]


async def test_too_many_at_once_are_left_out(
    client: KubernetesClient, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = EventRecorder(client)
    with caplog.at_level(logging.WARNING):
        for _ in range(WAITING + 1):
            recorder.record(NOTICE)
    assert caplog.messages == ["an Event about SmtpConfig team-a/mail was dropped: 1000 are waiting"]
