# SPDX-License-Identifier: Apache-2.0
"""Test Connection: the events of a test in the cluster and of one from this computer, and what they leave."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui import local_test, trial
from smtp_testkit.fakeapi import FakeApi
from smtp_testkit.fakeapi.smtpconfigs import condition, failed, under_test
from smtp_testkit.fakeapi.smtptests import SmtpTestApi
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.page_visitor import PageVisitor

Json = dict[str, Any]
SPEC: Json = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "noreply@example.com",
    "username": "mailer",
    "recipients": {"to": ["ops@example.com"], "cc": ["team@example.com"]},
    "preferredNotifications": ["Recovered"],
}
TYPED: Json = {"value": "s3cret-password", "secretName": "mail-password"}


def form(**more: Any) -> Json:
    """Return a form with a typed password."""
    return {"namespace": "team-a", "name": "mail", "spec": SPEC, "inputText": TYPED} | more


@asynccontextmanager
async def events_of(visitor: PageVisitor, sent: Json) -> AsyncIterator[AsyncIterator[Json]]:
    """Start a test and yield its events; leaving the block closes the page."""
    url = visitor.session.origin + "/api/test"
    async with visitor.http.post(url, json=sent, headers=visitor.headers_of_a_change) as response:

        async def events() -> AsyncIterator[Json]:
            async for line in response.content:
                yield json.loads(line)

        yield events()


async def test_phases_and_verdict_arrive_as_they_happen(visitor: PageVisitor, fake: FakeApi) -> None:
    api = SmtpTestApi(fake)
    async with events_of(visitor, form()) as events:
        started = await anext(events)
        assert (started["event"], started["where"]) == ("started", "cluster")
        for phase in ("Auth", "Data"):
            api.changes(under_test(phase) | {"conditions": [condition("Reconciling", "True", "Testing")]})
            assert await anext(events) == {"event": "phase", "phase": phase}
        api.changes(failed("AuthenticationFailed", suggestion={"smtpType": "TLS"}))
        verdict = await anext(events)
    assert verdict["event"] == "verdict"
    assert (verdict["passed"], verdict["reason"], verdict["phase"]) == (
        False,
        "AuthenticationFailed",
        "Connect",
    )
    assert verdict["message"] == "What happened. What to set."
    assert verdict["fix"] == "Check the username and password."
    assert verdict["dialogue"] == ["C: EHLO example.com", "S: 421 later"]
    assert verdict["suggestion"] == {"smtpType": "TLS"}


async def test_the_test_is_what_a_submit_would_send(visitor: PageVisitor, fake: FakeApi) -> None:
    """Cc and Bcc recipients that do not want test emails receive none."""
    api = SmtpTestApi(fake)
    async with events_of(visitor, form()) as events:
        await anext(events)
        api.changes(failed("AuthenticationFailed"))
        await anext(events)
    settings = api.test["spec"]["settings"]
    assert settings["recipients"] == {"to": ["ops@example.com"]}
    assert "preferredNotifications" not in settings
    assert settings["password"]["secretRef"]["name"] == api.secret["metadata"]["name"]
    assert "s3cret-password" not in json.dumps(api.test)


async def test_the_end_of_the_command_removes_a_running_test(serve: Any, fake: FakeApi) -> None:
    api = SmtpTestApi(fake)
    async with serve() as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        async with events_of(visitor, form()) as events:
            await anext(events)
            assert len(api.objects) == 2
            await page.server.stop()
            assert api.objects == {}


async def test_a_test_that_does_not_start_says_what_to_check(
    visitor: PageVisitor, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "WAITING_SECONDS", 0.01)
    api = SmtpTestApi(fake)
    async with events_of(visitor, form()) as events:
        await anext(events)
        assert await anext(events) == {
            "event": "waiting",
            "text": (
                "No test has started so far. Is the operator running, and does it serve this namespace?"
            ),
        }
        api.changes(failed("AuthenticationFailed"))
        assert (await anext(events))["event"] == "verdict"


async def test_a_deleted_smtptest_is_an_error(visitor: PageVisitor, fake: FakeApi) -> None:
    api = SmtpTestApi(fake)
    async with events_of(visitor, form()) as events:
        await anext(events)
        api.changes({}, "DELETED")
        assert await anext(events) == {
            "event": "error",
            "text": "its SmtpTest was deleted before it finished",
        }


@pytest.mark.parametrize(
    ("denied", "text"),
    [
        ("create smtptests", "create on smtptests. Ask for the role smtp-operator-test"),
        ("create secrets", "create on secrets"),
    ],
)
async def test_a_missing_right_is_named(visitor: PageVisitor, fake: FakeApi, denied: str, text: str) -> None:
    api = SmtpTestApi(fake, denied=[denied])
    (error,) = (await visitor.post("/api/test", form())).lines
    assert error["event"] == "error"
    assert text in error["text"]
    assert api.created == []


async def test_from_this_computer_nothing_is_asked_of_the_cluster(
    visitor: PageVisitor, fake: FakeApi
) -> None:
    with MailServer.in_thread(users={"mailer": "s3cret-password"}) as server:
        here = {
            "server": "127.0.0.1",
            "port": server.plain_port,
            "smtpType": "None",
            "allowInsecureAuth": True,
        }
        before = len(fake.seen)
        answer = await visitor.post("/api/test", form(spec=SPEC | here, where="computer"))
    started, *phases, verdict = answer.lines
    assert (started["event"], started["where"]) == ("started", "computer")
    assert [it["phase"] for it in phases][-3:] == ["MailFrom", "RcptTo", "Data"]
    assert (verdict["passed"], verdict["reason"]) == (True, "TestEmailSent")
    assert "s3cret-password" not in answer.text
    assert [it.path for it in fake.seen[before:] if it.method != "WATCH"] == []


async def test_from_this_computer_no_secret_is_read(visitor: PageVisitor, fake: FakeApi) -> None:
    secret = {"caRef": {"kind": "Secret", "name": "ca"}}
    (refused,) = (await visitor.post("/api/test", form(spec=SPEC | {"tls": secret}, where="computer"))).lines
    assert refused == {
        "event": "error",
        "text": "This page reads no Secret, so it cannot test a certificate in a Secret from here.",
    }
    assert [it for it in fake.seen if "secrets" in it.path] == []


async def test_a_plug_in_without_the_engine_says_what_to_install(
    visitor: PageVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_test, "find_spec", lambda name: None)
    assert (await visitor.get("/api/info")).json["localTest"] is False
    (refused,) = (await visitor.post("/api/test", form(where="computer"))).lines
    assert refused["text"] == (
        "A test from this computer needs more Python packages: pip install 'smtp-operator[operator]'"
    )
