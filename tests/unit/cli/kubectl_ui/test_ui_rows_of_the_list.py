# SPDX-License-Identifier: Apache-2.0
"""The list: rows arrive in pages, changes by a watch, and no value of a password is in them."""

import json
from collections.abc import AsyncIterator
from typing import Any

from smtp_operator.cli.kubectl.ui.command import ServedPage
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, event
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config
from smtp_testkit.page_visitor import PageVisitor

Json = dict[str, Any]


def sent_from(config: Json) -> Json:
    """Give a SmtpConfig its From address."""
    config["spec"]["from"] = "a@example.com"
    return config


async def rows_until(lines: AsyncIterator[Json], wanted: int) -> dict[str, Json]:
    """Read the stream until that many rows are known and no list is loading."""
    known: dict[str, Json] = {}
    async for line in lines:
        known |= {row["id"]: row for row in line["rows"]}
        for id_ in line.get("deleted", ()):
            known.pop(id_, None)
        if len(known) == wanted and not line.get("loading", True):
            return known
    raise AssertionError("the stream ended")


async def test_a_row_has_the_state_in_words_and_no_password(serve: Any) -> None:
    configs = [
        sent_from(smtp_config(passed(), "good")),
        smtp_config(failed("AuthenticationFailed"), "bad"),
        smtp_config(None, "new"),
        smtp_config(None, "paused", suspend=True),
    ]
    async with serve(*configs) as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        rows = await rows_until(visitor.stream("/api/stream"), 4)
    states = {row["name"]: (row["state"], row["words"], row["reason"]) for row in rows.values()}
    assert states == {
        "good": ("green", "Passed", "TestEmailSent"),
        "bad": ("red", "Failed", "AuthenticationFailed"),
        "new": ("grey", "Not tested", None),
        "paused": ("grey", "Suspended", None),
    }
    assert (
        rows["SmtpConfig/team-a/good"] | {"server": "smtp.example.com", "port": 587}
        == rows["SmtpConfig/team-a/good"]
    )
    assert "s3cret" not in json.dumps(rows)


async def test_changes_and_deletions_arrive_by_the_watch(serve: Any, fake: FakeApi) -> None:
    watch = Stream()
    fake.on("WATCH", LIST, watch)
    async with serve(smtp_config(passed(), "mail")) as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        lines = visitor.stream("/api/stream")
        await rows_until(lines, 1)
        watch.say(event("MODIFIED", smtp_config(failed(), "mail", version=21)))
        async for line in lines:
            if line["rows"]:
                assert line["rows"][0]["state"] == "red"
                break
        watch.say(event("DELETED", smtp_config(failed(), "mail", version=22)))
        async for line in lines:
            if line["deleted"]:
                assert line["deleted"] == ["SmtpConfig/team-a/mail"]
                break
    assert len(fake.asked("GET", LIST)) == 1


async def test_a_kind_that_the_user_may_not_list_is_named_with_the_reason(serve: Any, fake: FakeApi) -> None:
    denied = {"message": 'smtpconfigs is forbidden: User "jane" cannot list', "reason": "Forbidden"}
    fake.on("GET", LIST, Answer(403, denied))
    async with serve() as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        async for line in visitor.stream("/api/stream"):
            if not line["loading"]:
                assert 'User "jane" cannot list' in line["problems"]["SmtpConfig"]
                break


async def test_the_details_of_an_object_hide_an_inline_password(page: ServedPage, fake: FakeApi) -> None:
    config = sent_from(smtp_config(failed("AuthenticationFailed"), "mail"))
    events = "/apis/events.k8s.io/v1/namespaces/team-a/events"
    noted = {
        "reason": "AuthenticationFailed",
        "type": "Warning",
        "note": "535 <b>no</b>",
        "eventTime": "2026-01-31T12:00:00Z",
    }
    fake.always("GET", f"{LIST}/mail", Answer(body=config))
    fake.always("GET", events, Answer(body=listed(noted)))
    async with PageVisitor.of(page.session) as visitor:
        await visitor.open()
        found = await visitor.get("/api/object?kind=SmtpConfig&namespace=team-a&name=mail")
    assert "s3cret" not in found.text
    shown = found.json
    assert shown["inlinePassword"] is True
    assert shown["spec"] == {"server": "smtp.example.com", "port": 587, "from": "a@example.com"}
    assert shown["fix"] == "Check the username and password."
    assert shown["events"][0]["note"] == "535 <b>no</b>"
    assert "********" in shown["yaml"]
    assert (
        fake.asked("GET", events)[0].query["fieldSelector"] == "regarding.name=mail,regarding.kind=SmtpConfig"
    )


async def test_ten_thousand_objects_are_listed_in_pages_and_then_watched(serve: Any, fake: FakeApi) -> None:
    """A second page of the browser costs no request."""
    for start in range(0, 10_000, 100):
        found = listed(*(smtp_config(passed(), f"mail-{start + it}") for it in range(100)))
        found["metadata"]["continue"] = str(start + 100) if start < 9900 else ""
        fake.on("GET", LIST, Answer(body=found))
    async with serve() as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        assert len(await rows_until(visitor.stream("/api/stream"), 10_000)) == 10_000
        lines = [line async for line in first(visitor.stream("/api/stream"), 20)]
        assert [len(line["rows"]) for line in lines] == [500] * 20
    pages = fake.asked("GET", LIST)
    assert len(pages) == 100
    assert {it.query["limit"] for it in pages} == {"100"}
    assert len(fake.asked("WATCH", LIST)) == 1


async def first(lines: AsyncIterator[Json], count: int) -> AsyncIterator[Json]:
    """Yield so many lines."""
    for _ in range(count):
        yield await anext(lines)
