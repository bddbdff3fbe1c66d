# SPDX-License-Identifier: Apache-2.0
"""The metadata watch goes on through everything that an API server does to it, and misses nothing."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.objects import ObjectMetadata, Reference
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.metadata_informer import PAGE_SIZE, MetadataInformer
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, bookmark, error_event, event, expired, page, partial

pytestmark = pytest.mark.looptime

SECRETS = "/api/v1/secrets"
MAIL = Reference("Secret", "team-a", "mail")
OTHER = Reference("Secret", "team-a", "other")


class ReferenceTracker:
    """A running watch and what it told."""

    def __init__(self, client: KubernetesClient, wanted: set[Reference]) -> None:
        self.news: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
        self.wanted = wanted
        self.watch = MetadataInformer(
            client, "Secret", None, wanted=lambda it: it in self.wanted, changed=self._changed
        )
        self.task = asyncio.create_task(self.watch.run())

    def _changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        self.news.put_nowait((reference.name, metadata.version if metadata else None))

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture
async def follower(fake: FakeApi, client: KubernetesClient) -> AsyncIterator[ReferenceTracker]:
    it = ReferenceTracker(client, {MAIL})
    yield it
    await it.stop()


async def test_what_the_first_list_shows_is_told_before_it_counts_as_synced(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    fake.on("GET", SECRETS, Answer(body=page(partial("mail", 5), partial("other", 6), version=9)))
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    assert follower.news.get_nowait() == ("mail", "uid-of-mail/5")
    assert follower.news.empty()


async def test_an_empty_list_has_null_items(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    assert follower.news.empty()


async def test_lists_come_in_pages(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on(
        "GET",
        SECRETS,
        Answer(body=page(partial("other", 6), version=9, following="token")),
        Answer(body=page(partial("mail", 5), version=9)),
    )
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    first, second = fake.asked("GET", SECRETS)
    assert first.query == {"limit": str(PAGE_SIZE)}
    assert second.query == {"limit": str(PAGE_SIZE), "continue": "token"}
    assert await follower.news.get() == ("mail", "uid-of-mail/5")


async def test_a_list_that_expires_half_way_is_started_again(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    fake.on(
        "GET",
        SECRETS,
        Answer(body=page(partial("mail", 5), version=9, following="token")),
        Answer(410, expired()),
        Answer(body=page(partial("mail", 7), version=12)),
    )
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    assert await follower.news.get() == ("mail", "uid-of-mail/5")
    assert await follower.news.get() == ("mail", "uid-of-mail/7")


async def test_create_update_and_delete_are_told(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on(
        "WATCH",
        SECRETS,
        Stream(
            event("ADDED", partial("mail", 10)),
            event("MODIFIED", partial("mail", 11)),
            event("DELETED", partial("mail", 12)),
        ),
    )
    assert await follower.news.get() == ("mail", "uid-of-mail/10")
    assert await follower.news.get() == ("mail", "uid-of-mail/11")
    assert await follower.news.get() == ("mail", None)


async def test_it_goes_on_from_the_last_version_that_it_heard_of(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    first = Stream(event("ADDED", partial("other", 10)), bookmark(15))
    first.end()
    second = Stream()
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, first, second)
    await second.open.wait()
    assert [it.query["resourceVersion"] for it in fake.asked("WATCH", SECRETS)] == ["9", "15"]
    assert len(fake.asked("GET", SECRETS)) == 1


@pytest.mark.parametrize("goodbye", ["in the stream", "as an answer"])
async def test_after_410_a_deletion_in_between_is_noticed(
    fake: FakeApi, follower: ReferenceTracker, goodbye: str
) -> None:
    follower.wanted.add(OTHER)
    first = Stream(error_event(expired())) if goodbye == "in the stream" else Answer(410, expired())
    fake.on(
        "GET",
        SECRETS,
        Answer(body=page(partial("mail", 5), partial("other", 6), version=9)),
        Answer(body=page(partial("other", 20), version=30)),
    )
    fake.on("WATCH", SECRETS, first, Stream())
    told = [await follower.news.get() for _ in range(4)]
    assert told == [
        ("mail", "uid-of-mail/5"),
        ("other", "uid-of-other/6"),
        ("other", "uid-of-other/20"),
        ("mail", None),
    ]


async def test_what_a_second_list_shows_unchanged_is_no_news(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    last = Stream()
    same = Answer(body=page(partial("mail", 5), version=9))
    fake.on("GET", SECRETS, same, same)
    fake.on("WATCH", SECRETS, Stream(error_event(expired())), last)
    await last.open.wait()
    assert await follower.news.get() == ("mail", "uid-of-mail/5")
    assert follower.news.empty()


async def test_half_a_line_is_a_lost_connection(fake: FakeApi, follower: ReferenceTracker) -> None:
    broken, restored = Stream(bookmark(10)), Stream(event("MODIFIED", partial("mail", 11)))
    broken.say_raw(b'{"type":"MODIFIED","object":{"metadata":{"na')
    broken.end()
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, broken, restored)
    assert await follower.news.get() == ("mail", "uid-of-mail/11")
    assert [it.query["resourceVersion"] for it in fake.asked("WATCH", SECRETS)] == ["9", "10"]


async def test_a_watch_that_falls_silent_is_left_after_three_minutes(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    again = Stream()
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, Stream(), again)
    await again.open.wait()
    first, second = fake.asked("WATCH", SECRETS)
    assert 180 <= second.time - first.time <= 182


async def test_a_regular_end_is_followed_by_a_new_watch(fake: FakeApi, follower: ReferenceTracker) -> None:
    streams = [Stream(), Stream()]
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, *streams)
    await streams[0].open.wait()
    await asyncio.sleep(60)
    streams[0].say(bookmark(10))
    await asyncio.sleep(60)
    streams[0].end()
    await streams[1].open.wait()
    first, second = fake.asked("WATCH", SECRETS)
    assert first.query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
        "resourceVersion": "9",
    }
    assert second.time - first.time < 121


async def test_retry_after_is_obeyed(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on("GET", SECRETS, Answer(429, headers={"Retry-After": "7"}), Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    first, second = fake.asked("GET", SECRETS)
    assert second.time - first.time >= 7


async def test_a_burst_of_errors_is_ridden_over_with_growing_delays(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    fake.on("GET", SECRETS, *[Answer(500)] * 8, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, Stream())
    await follower.watch.synced()
    times = [it.time for it in fake.asked("GET", SECRETS)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 8
    assert gaps[0] < 1 < gaps[3] < gaps[7] <= 40


async def test_a_server_that_ends_every_watch_at_once_is_not_hammered(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    for _ in range(200):
        stream = Stream()
        stream.end()
        fake.on("WATCH", SECRETS, stream)
    await asyncio.sleep(300)
    assert len(fake.asked("WATCH", SECRETS)) < 25


async def test_a_list_that_is_forbidden_ends_it(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on("GET", SECRETS, Answer(403, {"reason": "Forbidden", "message": "secrets is forbidden"}))
    with pytest.raises(AccessDenied) as caught:
        await follower.task
    assert str(caught.value) == "GET /api/v1/secrets: 403 Forbidden: secrets is forbidden"


async def test_a_permission_that_vanishes_for_a_moment_is_waited_for(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, Answer(403), Answer(403), Stream(event("ADDED", partial("mail", 10))))
    assert await follower.news.get() == ("mail", "uid-of-mail/10")


async def test_a_permission_that_stays_away_ends_it(fake: FakeApi, follower: ReferenceTracker) -> None:
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.always("WATCH", SECRETS, Answer(403))
    with pytest.raises(AccessDenied):
        await follower.task
    assert 60 < asyncio.get_running_loop().time() < 120


async def test_an_event_older_than_what_a_read_showed_is_no_news(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    stream = Stream()
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, stream)
    await stream.open.wait()
    follower.watch.learn(MAIL, "uid-of-mail", "11")
    stream.say(event("ADDED", partial("mail", 10)), event("MODIFIED", partial("mail", 12)))
    assert await follower.news.get() == ("mail", "uid-of-mail/12")


async def test_a_recreated_object_is_news_whatever_its_version(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    stream = Stream()
    fake.on("GET", SECRETS, Answer(body=page(version=9)))
    fake.on("WATCH", SECRETS, stream)
    await stream.open.wait()
    follower.watch.learn(MAIL, "uid-of-mail", "11")
    stream.say(event("ADDED", partial("mail", 10, uid="another")))
    assert await follower.news.get() == ("mail", "another/10")


async def test_the_deletion_of_what_only_a_read_showed_is_noticed_after_410(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    follower.wanted.clear()
    stream = Stream()
    fake.on("GET", SECRETS, Answer(body=page(partial("mail", 5), version=9)), Answer(body=page(version=30)))
    fake.on("WATCH", SECRETS, stream, Stream())
    await stream.open.wait()
    follower.wanted.add(MAIL)
    follower.watch.learn(MAIL, "uid-of-mail", "5")
    stream.say(error_event(expired()))
    assert await follower.news.get() == ("mail", None)


async def test_an_object_read_while_it_lists_again_is_not_taken_for_deleted(
    fake: FakeApi, follower: ReferenceTracker
) -> None:
    last = Stream()
    fake.on("GET", SECRETS, Answer(body=page(partial("mail", 5), version=9)), Answer(body=page(version=30)))
    fake.on("WATCH", SECRETS, Stream(error_event(expired())), last)
    assert await follower.news.get() == ("mail", "uid-of-mail/5")
    follower.watch.learn(MAIL, "uid-of-mail", "31")
    await last.open.wait()
    assert follower.news.empty()


async def test_in_label_mode_only_labelled_objects_are_asked_for(
    fake: FakeApi, client: KubernetesClient
) -> None:
    watch = MetadataInformer(
        client,
        "ConfigMap",
        "team-a",
        wanted=lambda _: True,
        changed=lambda *_: None,
        labelled_only=True,
    )
    path = "/api/v1/namespaces/team-a/configmaps"
    stream = Stream()
    fake.on("GET", path, Answer(body=page(version=9)))
    fake.on("WATCH", path, stream)
    task = asyncio.create_task(watch.run())
    await stream.open.wait()
    task.cancel()
    await asyncio.wait([task])
    assert [it.query["labelSelector"] for it in fake.seen] == ["smtp-operator.io/watch=true"] * 2
