# SPDX-License-Identifier: Apache-2.0
"""What comes between a request and its verdict, and what the watch of it goes through."""

import asyncio
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi, Stream, bookmark, error_event, event, expired
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config, under_test

Json = dict[str, Any]


async def test_an_older_state_that_the_watch_still_tells_of_is_no_answer(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.watch.say(event("MODIFIED", smtp_config(failed(), version=15, asked="older")), bookmark(16))
        asked.handled(passed())
        assert (await task).code == 0


async def test_a_later_request_of_somebody_else_answers_ours_too(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.tells(passed(), asked="later")
        asked.tells(passed() | {"lastHandledTestRequest": "later"}, asked="later")
        assert (await task).code == 0


@pytest.mark.parametrize(
    ("annotation", "what"), [({"asked": None}, "was removed"), ({"asked": "old"}, "was reset")]
)
async def test_a_request_that_is_taken_back_is_said_so(asking: Any, annotation: Json, what: str) -> None:
    async with asking() as (asked, task):
        asked.tells(passed() | {"lastHandledTestRequest": "old"}, **annotation)
        ended = await task
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith(
        "kubectl smtp: team-a/mail: the request was withdrawn: its annotation"
        f" {what}, possibly by a GitOps controller\n"
    )


async def test_an_object_that_is_deleted_meanwhile(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.watch.say(event("DELETED", smtp_config(passed(), version=30)))
        ended = await task
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("kubectl smtp: team-a/mail: it was deleted before its test finished\n")


async def test_another_object_of_the_same_name_is_no_answer(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.handled(passed(), uid="another")
        assert (await task).code == 2


async def test_a_watch_that_ends_or_breaks_goes_on_where_it_was(asking: Any, fake: FakeApi) -> None:
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


async def test_a_version_that_the_api_server_has_forgotten_costs_a_new_list(
    asking: Any, fake: FakeApi
) -> None:
    async with asking() as (asked, task):
        answer = passed() | {"lastHandledTestRequest": asked.value}
        fake.on("GET", LIST, Answer(body=listed(smtp_config(answer, version=50), version=60)))
        asked.watch.say(error_event(expired()))
        assert (await task).code == 0


async def test_one_that_a_new_list_no_longer_has_was_deleted(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        asked.tells(under_test("Auth"))
        fake.on("GET", LIST, Answer(body=listed(version=60)))
        fake.on("WATCH", LIST, Stream())
        asked.watch.say(error_event(expired()))
        assert (await task).code == 2


async def test_so_was_one_that_the_watch_had_never_told_of(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        fake.on("GET", LIST, Answer(body=listed(version=60)))
        asked.watch.say(error_event(expired()))
        assert (await task).code == 2
