# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp status` shows verdicts, reasons and next tests."""

import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smtp_operator.cli.kubectl.snapshot import short_time
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, failed, listed, passed, smtp_config, under_test

Smtp = Callable[..., Coroutine[Any, Any, Any]]
Json = dict[str, Any]

ALL = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"


def before(**time: float) -> str:
    """Return a timestamp in the past; negative seconds mean the future."""
    moment = datetime.now(UTC) - timedelta(**time) - timedelta(seconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def since(status: Json, moment: str) -> Json:
    return status | {"conditions": [it | {"lastTransitionTime": moment} for it in status["conditions"]]}


@pytest.fixture
def team(fake: FakeApi) -> None:
    """A SmtpConfig that passed, one that failed, and one without a verdict."""
    good = since(passed(nextTestTime=before(minutes=-12.5)), before(hours=3.01))
    bad = since(failed("AuthenticationFailed", summary="AuthenticationFailed in Auth"), before(days=2.2))
    answer = Answer(
        body=listed(
            smtp_config(good, "good"),
            smtp_config(bad, "bad", server="mx.example.com"),
            smtp_config(name="new"),
        )
    )
    fake.always("GET", LIST, answer)
    fake.always("GET", ALL, answer)


async def test_a_test_delayed_by_a_limit_shows_limit_and_start_time(smtp: Smtp, fake: FakeApi) -> None:
    limited = {
        "observedGeneration": -1,
        "conditions": [
            condition("Ready", "Unknown", "EmailsLimited"),
            condition("Reconciling", "True", "EmailsLimited"),
        ],
        "summary": "EmailsLimited: waits, 120 emails a minute allowed",
        "nextTestTime": before(minutes=-12.5),
    }
    fake.on("GET", LIST, Answer(body=listed(smtp_config(limited))))
    ended = await smtp("status")
    row = " ".join(ended.out.splitlines()[1].split())
    assert row.startswith("mail Unknown EmailsLimited: waits, 120 emails a minute allowed")
    assert row.endswith("in 12m: held by a limit")


@pytest.mark.usefixtures("team")
async def test_a_row_for_each_and_a_count_on_standard_error(smtp: Smtp) -> None:
    ended = await smtp("status")
    assert ended.code == 0
    assert ended.out == (
        "NAME   READY     STATUS                         SINCE   NEXT-TEST\n"
        "bad    False     AuthenticationFailed in Auth   2d      after a change\n"
        "good   True      TestEmailSent                  3h1m    in 12m: recheck\n"
        "new    Unknown   not tested yet                         now: the spec is new\n"
    )
    assert ended.err == "3 SmtpConfigs in namespace team-a: 1 ready, 1 failed, 1 without a verdict.\n"


@pytest.mark.usefixtures("team")
async def test_all_namespaces_adds_a_namespace_column(smtp: Smtp) -> None:
    ended = await smtp("status", "-A")
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["NAMESPACE", "NAME"],
        ["team-a", "bad"],
        ["team-a", "good"],
        ["team-a", "new"],
    ]
    assert ended.err.startswith("3 SmtpConfigs in any namespace: ")


@pytest.mark.usefixtures("team")
async def test_wide_adds_server_and_message(smtp: Smtp) -> None:
    head, bad, *_ = (await smtp("status", "-o", "wide")).out.splitlines()
    assert head.endswith("NEXT-TEST              SERVER             MESSAGE")
    assert bad.endswith("after a change         mx.example.com     What happened. What to set.")


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--not-ready"], ["bad", "new"]),
        (["--reason", "authenticationfailed"], ["bad"]),
        (["--reason", "AuthenticationFailed", "--reason", "TestEmailSent"], ["bad", "good"]),
        (["--server", "mx.example.com"], ["bad"]),
        (["--server", "mx.example.com", "--server", "smtp.example.com"], ["bad", "good", "new"]),
        (["--not-ready", "--server", "smtp.example.com"], ["new"]),
    ],
)
async def test_filters(smtp: Smtp, words: list[str], names: list[str]) -> None:
    ended = await smtp("status", *words)
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == names


@pytest.mark.usefixtures("team")
async def test_one_server_is_selected_by_the_api_server(smtp: Smtp, fake: FakeApi) -> None:
    await smtp("status", "--server", "mx.example.com", "-l", "team=a")
    assert fake.asked("GET", LIST)[0].query == {
        "fieldSelector": "spec.server=mx.example.com",
        "labelSelector": "team=a",
        "limit": "100",
    }


@pytest.mark.usefixtures("team")
async def test_a_reason_that_does_not_exist_is_no_filter(smtp: Smtp) -> None:
    ended = await smtp("status", "--reason", "RelayDenyed")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("kubectl smtp: there is no reason 'RelayDenyed'; did you mean RelayDenied")


@pytest.mark.usefixtures("team")
async def test_no_match_is_not_a_failure(smtp: Smtp) -> None:
    ended = await smtp("status", "--reason", "RelayDenied")
    assert (ended.code, ended.out, ended.err) == (0, "", "No SmtpConfig in namespace team-a matches.\n")


async def test_no_smtpconfig_in_the_namespace(smtp: Smtp, fake: FakeApi) -> None:
    fake.on("GET", f"{LIST}".replace("team-a", "team-b"), Answer(body=listed()))
    ended = await smtp("status", "--context", "there")
    assert (ended.code, ended.out, ended.err) == (0, "", "No SmtpConfig in namespace team-b.\n")


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    ("words", "code"),
    [([], 1), (["--server", "smtp.example.com"], 3), (["--reason", "TestEmailSent"], 0)],
)
async def test_exit_code_flag_sets_the_exit_code(smtp: Smtp, words: list[str], code: int) -> None:
    assert (await smtp("status", "--exit-code", *words)).code == code


@pytest.mark.parametrize(
    ("status", "more", "told"),
    [
        (passed(), {}, "after a change"),
        (passed(nextTestTime=before(minutes=5)), {}, "due: recheck"),
        (failed(nextTestTime=before(hours=-20)), {}, "in 20h: retry"),
        (passed(nextTestTime=before(minutes=-5)), {"suspend": True}, "never: suspended"),
        (passed(), {"asked": "now"}, "requested"),
        (under_test("Auth"), {"asked": "now"}, "under way: phase Auth"),
        (passed(observedGeneration=0), {}, "now: the spec is new"),
        ({}, {"suspend": True}, "never: suspended"),
    ],
)
async def test_when_the_next_test_comes_and_why(
    smtp: Smtp, fake: FakeApi, status: Json, more: Json, told: str
) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status, **more))))
    row = (await smtp("status")).out.splitlines()[1]
    assert row.endswith(told)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (45, "45s"), (119, "119s"), (120, "2m"), (3700, "1h2m"), (39_000, "11h"), (200_000, "2d")],
)
def test_times_have_one_or_two_units(seconds: float, text: str) -> None:
    assert short_time(seconds) == text


async def test_a_verdict_on_an_older_spec_does_not_count(smtp: Smtp, fake: FakeApi) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(passed(observedGeneration=0)))))
    ended = await smtp("status", "--exit-code")
    assert ended.code == 3
    assert ended.out.splitlines()[1].startswith("mail   Unknown   current spec not tested yet")


@pytest.mark.usefixtures("team")
async def test_with_a_name_it_shows_all_details(smtp: Smtp) -> None:
    ended = await smtp("status", "good")
    said = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "TIME", ended.out)
    said = re.sub(r"TIME, \w+ ago", "TIME, WHILE ago", said)
    assert (ended.code, ended.err) == (0, "")
    assert said == (
        "✓ TestEmailSent  team-a/good\n"
        "  Accepted for delivery.\n"
        "  The server replied: 250 2.0.0 queued as 4F1B2\n"
        "  Next test in 12m: recheck.\n"
        "  Since:       TIME, WHILE ago\n"
        "  Last test:   TIME, WHILE ago: Requested, SendEmail, 412ms\n"
        "  Last passed: TIME, WHILE ago\n"
    )


async def test_it_shows_what_is_published_since_when_and_in_which_secret(smtp: Smtp, fake: FakeApi) -> None:
    condition = {
        **{"type": "Published", "status": "True", "reason": "Published", "observedGeneration": 1},
        **{"lastTransitionTime": before(hours=3), "message": "Secret proven has the settings."},
    }
    published = {"provenTime": before(hours=2), "generation": 1, "secret": "u/1", "references": []}
    status = passed(published=published, binding={"name": "proven"})
    status["conditions"] = [*status["conditions"], condition]
    fake.on("GET", LIST, Answer(body=listed(smtp_config(status))))
    ended = await smtp("status", "mail")
    assert "  Secret proven has the settings.\n" in ended.out
    assert re.search(r"\n  Published: +Secret proven, last proven \S+, 2h ago\n", ended.out)


@pytest.mark.usefixtures("team")
async def test_several_names_are_shown_in_sequence(smtp: Smtp) -> None:
    ended = await smtp("status", "new", "bad")
    assert [line for line in ended.out.splitlines() if "team-a/" in line] == [
        "✗ AuthenticationFailed in Auth  team-a/bad",
        "… not tested yet  team-a/new",
    ]


@pytest.mark.usefixtures("team")
async def test_json_has_the_same_values_and_no_password(smtp: Smtp) -> None:
    ended = await smtp("status", "--exit-code", "-o", "json")
    assert ended.json["exitCode"] == ended.code == 1
    assert [(it["name"], it["passed"], it["reason"], it["exitCode"]) for it in ended.json["items"]] == [
        ("bad", False, "AuthenticationFailed", 1),
        ("good", True, "TestEmailSent", 0),
        ("new", None, None, 3),
    ]
    assert (ended.err, "s3cret" in ended.out) == ("", False)


@pytest.mark.parametrize(
    ("words", "variables", "coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "always", "--no-color"], {}, False),
        (["--color", "never"], {}, False),
    ],
)
async def test_colors(
    smtp: Smtp, fake: FakeApi, words: list[str], variables: dict[str, str], coloured: bool
) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(passed()))))
    row = (await smtp("status", *words, **variables)).out.splitlines()[1]
    assert ("\x1b[32mTrue " in row) == coloured == ("\x1b" in row)


async def test_pages_of_a_list_are_read_to_the_end(smtp: Smtp, fake: FakeApi) -> None:
    first = listed(smtp_config(passed(), "b"))
    first["metadata"]["continue"] = "more"
    fake.on("GET", LIST, Answer(body=first), Answer(body=listed(smtp_config(passed(), "a"))))
    ended = await smtp("status")
    assert [line.split()[0] for line in ended.out.splitlines()] == ["NAME", "a", "b"]


async def test_an_expired_list_is_restarted(smtp: Smtp, fake: FakeApi) -> None:
    first = listed(smtp_config(passed(), "b"))
    first["metadata"]["continue"] = "more"
    fake.on(
        "GET",
        LIST,
        Answer(body=first),
        Answer(410),
        Answer(body=listed(smtp_config(passed(), "b"), smtp_config())),
    )
    ended = await smtp("status")
    assert [line.split()[0] for line in ended.out.splitlines()] == ["NAME", "b", "mail"]


async def test_an_unreadable_status_is_ignored(smtp: Smtp, fake: FakeApi) -> None:
    broken = passed() | {"conditions": [condition("Ready", "Maybe", "Yes")]}
    fake.on("GET", LIST, Answer(body=listed(smtp_config(broken))))
    assert "not tested yet" in (await smtp("status")).out


async def test_an_unwritable_result_is_a_failure(
    smtp: Smtp, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config(passed()))))
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("smtp_operator.cli.kubectl.results.write", lambda stream, text: full)
    ended = await smtp("status")
    assert (ended.code, ended.err) == (
        2,
        "kubectl smtp: the result cannot be written: No space left on device\n",
    )
