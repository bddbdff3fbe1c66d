# SPDX-License-Identifier: Apache-2.0
"""Events between a request and its verdict, and interruptions of the watch."""

import asyncio
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi, Stream, bookmark, error_event, event, expired
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config, under_test

Json = dict[str, Any]


async def test_an_event_from_before_the_request_is_not_an_answer(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.watch.say(event("MODIFIED", smtp_config(failed(), version=15, asked="older")), bookmark(16))
        asked.handled(passed())
        assert (await task).code == 0


async def test_the_result_of_a_later_request_is_accepted(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.tells(passed(), asked="later")
        asked.tells(passed() | {"lastHandledTestRequest": "later"}, asked="later")
        assert (await task).code == 0


@pytest.mark.parametrize(
    ("annotation", "what"), [({"asked": None}, "was removed"), ({"asked": "old"}, "was reset")]
)
async def test_a_withdrawn_request_is_reported(asking: Any, annotation: Json, what: str) -> None:
    async with asking() as (asked, task):
        asked.tells(passed() | {"lastHandledTestRequest": "old"}, **annotation)
        ended = await task
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith(
        "kubectl smtp: team-a/mail: the request was withdrawn: its annotation"
        f" {what}, possibly by a GitOps controller\n"
    )


async def test_an_object_that_is_deleted_during_the_test(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.watch.say(event("DELETED", smtp_config(passed(), version=30)))
        ended = await task
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("kubectl smtp: team-a/mail: it was deleted before its test finished\n")


async def test_a_new_object_of_the_same_name_is_not_an_answer(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.handled(passed(), uid="another")
        assert (await task).code == 2


async def test_an_interrupted_watch_continues_from_its_version(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        further, last = Stream(), Stream()
        fake.on("WATCH", LIST, further, last)
        asked.watch.say(bookmark(33))
        asked.watch.end()
        await asyncio.wait_for(further.open.wait(), 30)
        further.say_raw(b'{"type": "MODI')
        further.end()
        await asyncio.wait_for(last.open.wait(), 30)
        asked.watch, asked.version = last, 40
        asked.handled(passed())
        assert (await task).code == 0
        last.end()
    assert [it.query["resourceVersion"] for it in fake.asked("WATCH", LIST)] == ["10", "33", "33"]


async def test_an_expired_version_causes_a_new_list(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        answer = passed() | {"lastHandledTestRequest": asked.value}
        fake.on("GET", LIST, Answer(body=listed(smtp_config(answer, version=50), version=60)))
        asked.watch.say(error_event(expired()))
        assert (await task).code == 0


async def test_an_object_missing_from_a_new_list_was_deleted(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        asked.tells(under_test("Auth"))
        fake.on("GET", LIST, Answer(body=listed(version=60)))
        fake.on("WATCH", LIST, Stream())
        asked.watch.say(error_event(expired()))
        assert (await task).code == 2


async def test_an_object_deleted_before_its_first_event(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        fake.on("GET", LIST, Answer(body=listed(version=60)))
        asked.watch.say(error_event(expired()))
        assert (await task).code == 2
