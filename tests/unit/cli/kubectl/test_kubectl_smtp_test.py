# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp test` sets the annotation, watches, and shows the verdict."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, event
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, failed, listed, passed, smtp_config, under_test
from smtp_testkit.interrupts import interruptible

Smtp = Callable[..., Coroutine[Any, Any, Any]]
Json = dict[str, Any]

MAIL = f"{LIST}/mail"


async def test_it_sets_only_the_annotation_of_this_object(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        asked.handled(passed())
        await task
    (patch,) = fake.asked("PATCH", MAIL)
    assert patch.body == {
        "metadata": {
            "uid": "uid-of-mail",
            "annotations": {"smtp-operator.io/test-requested-at": asked.value},
        }
    }
    assert patch.headers["Content-Type"] == "application/merge-patch+json"
    assert patch.query == {"fieldManager": "kubectl-smtp"}


async def test_it_watches_only_that_object_from_the_list_on(asking: Any, fake: FakeApi) -> None:
    async with asking() as (asked, task):
        asked.handled(passed())
        await task
    assert fake.asked("GET", LIST)[0].query == {"fieldSelector": "metadata.name=mail", "limit": "100"}
    assert fake.asked("WATCH", LIST)[0].query == {
        "fieldSelector": "metadata.name=mail",
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "10",
    }


async def test_a_passed_test_shows_the_servers_reply_and_the_phases(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.handled(passed())
        ended = await task
    assert ended.code == 0
    assert ended.out == (
        "✓ TestEmailSent  team-a/mail\n"
        "  Accepted for delivery.\n"
        "  The server replied: 250 2.0.0 queued as 4F1B2\n"
        "  Next test after a change.\n"
    )
    assert ended.err == "  … team-a/mail: test requested\n  ✓ Resolve 2ms\n  ✓ Connect 3ms\n"


async def test_a_failed_test_shows_message_dialogue_and_suggestion(asking: Any) -> None:
    async with asking() as (asked, task):
        asked.handled(failed("PlaintextServer", suggestion={"smtpType": "StartTLS", "port": 587}))
        ended = await task
    assert ended.code == 1
    assert ended.out == (
        "✗ PlaintextServer in Connect  team-a/mail\n"
        "  What happened. What to set.\n"
        "  Next test after a change.\n"
        "\n"
        "  SMTP dialogue:\n"
        "    C: EHLO example.com\n"
        "    S: 421 later\n"
        "\n"
        "  These settings worked in a second attempt:\n"
        "    smtpType: StartTLS\n"
        "    port: 587\n"
    )
    assert ended.err.endswith("  ✓ Resolve 2ms\n  ✗ Connect 3ms\n")


async def test_phases_are_shown_while_the_test_runs(asking: Any) -> None:
    async with asking() as (asked, task):
        for phase in ("Resolve", "Connect", "Connect", "Auth"):
            asked.tells(under_test(phase))
        asked.handled(passed())
        ended = await task
    assert ended.err.splitlines()[:4] == [
        "  … team-a/mail: test requested",
        "  … team-a/mail: phase Resolve",
        "  … team-a/mail: phase Connect",
        "  … team-a/mail: phase Auth",
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (passed(), 0),
        (failed("RelayDenied"), 1),
        (failed("HostNotFound"), 1),
        (failed("ConnectTimeout"), 3),
        (failed("Greylisted"), 3),
        (failed("ReasonOfALaterRelease"), 1),
        (
            failed("SecretNotFound")
            | {
                "conditions": [
                    condition("Ready", "False", "SecretNotFound"),
                    condition("PasswordResolved", "False", "SecretNotFound"),
                ]
            },
            4,
        ),
    ],
    ids=lambda it: it if isinstance(it, int) else it["summary"],
)
async def test_the_exit_code_matches_that_of_check(asking: Any, status: Json, code: int) -> None:
    async with asking() as (asked, task):
        asked.handled(status)
        assert (await task).code == code


async def test_a_timeout_shows_what_to_check(asking: Any) -> None:
    async with asking("mail", "--timeout", "3s") as (_, task):
        ended = await task
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith(
        "kubectl smtp: team-a/mail: no verdict within 3s. Is the operator running, and does it serve"
        " namespace team-a?\n"
    )


async def test_a_timeout_during_a_test_names_its_phase(asking: Any) -> None:
    async with asking("mail", "--timeout", "5s") as (asked, task):
        asked.tells(under_test("Data"))
        ended = await task
    assert ended.code == 3
    assert ended.err.endswith(
        "kubectl smtp: team-a/mail: no verdict within 5s: its test is still running, in phase Data\n"
    )


async def test_json_keys_are_stable(asking: Any) -> None:
    async with asking("mail", "-o", "json") as (asked, task):
        asked.handled(failed("PlaintextServer", suggestion={"smtpType": "StartTLS"}))
        ended = await task
    (item,) = ended.json["items"]
    assert ended.json["exitCode"] == ended.code == 1
    assert list(item) == [
        "namespace", "name", "server", "passed", "reason", "message", "summary", "phase", "retry",
        "exitCode", "since", "nextTestTime", "lastSuccessTime", "underTest", "suspended", "conditions",
        "test", "password", "suggestion", "published", "binding", "lastHandledTestRequest", "error",
        "smtpTest",
    ]  # fmt: skip
    assert list(item) == list(JSON_KEYS["item"])
    assert list(ended.json) == list(JSON_KEYS["list"])
    assert (item["name"], item["passed"], item["reason"]) == ("mail", False, "PlaintextServer")
    assert (item["phase"], item["retry"], item["error"]) == ("Connect", "Configuration", None)
    assert item["suggestion"] == {"smtpType": "StartTLS"}
    assert item["test"]["dialogue"] == ["C: EHLO example.com", "S: 421 later"]


async def test_json_without_an_answer_has_an_error_and_no_verdict(asking: Any) -> None:
    async with asking("mail", "-o", "json", "--timeout", "3s") as (_, task):
        ended = await task
    (item,) = ended.json["items"]
    assert (item["passed"], item["reason"], item["exitCode"]) == (None, None, 3)
    assert item["error"].startswith("no verdict within 3s. ")


async def test_only_the_server_of_the_spec_is_shown(asking: Any) -> None:
    async with asking("mail", "-o", "json") as (asked, task):
        asked.handled(passed())
        ended = await task
    assert "s3cret" not in ended.out + ended.err


async def test_a_missing_name_is_reported_before_any_request(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    ended = await smtp("test", "mail", "other", "more")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"kubectl smtp: SmtpConfig other, more does not exist in namespace team-a on {fake.url}\n"
    )
    assert fake.asked("PATCH", MAIL) == []


async def test_names_are_accepted_as_kubectl_prints_them(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed()))
    ended = await smtp("test", "smtpconfig.smtp-operator.io/mail")
    assert ended.err.startswith("kubectl smtp: SmtpConfig mail does not exist ")


async def test_an_unavailable_api_server_is_a_temporary_failure(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(503))
    ended = await smtp("test", "mail")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == f"kubectl smtp: the API server does not answer: GET {LIST}: 503\n"


async def test_an_invalid_selector(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(400, body={"reason": "BadRequest"}))
    ended = await smtp("test", "-l", "a==b==c")
    assert (ended.code, ended.err) == (
        2,
        "kubectl smtp: the API server rejected the selector 'a==b==c'; use labels such as"
        " team=a,stage!=test\n",
    )


async def test_several_tests_run_concurrently_and_are_shown_on_arrival(fake: FakeApi, smtp: Smtp) -> None:
    watch = Stream()
    fake.on("GET", LIST, Answer(body=listed(smtp_config(name="one"), smtp_config(name="two"))))
    fake.on("WATCH", LIST, watch)
    for name in ("one", "two"):
        fake.on("PATCH", f"{LIST}/{name}", Answer(body=smtp_config(name=name, version=20)))
    task = asyncio.create_task(smtp("test", "-l", "team=a"))
    await asyncio.wait_for(watch.open.wait(), 30)
    (patch,) = fake.asked("PATCH", f"{LIST}/one")
    handled = {
        "lastHandledTestRequest": patch.body["metadata"]["annotations"]["smtp-operator.io/test-requested-at"]
    }
    watch.say(event("MODIFIED", smtp_config(failed() | handled, "two", version=30)))
    watch.say(event("MODIFIED", smtp_config(passed() | handled, "one", version=31)))
    ended = await task
    assert ended.code == 3
    assert [line for line in ended.out.splitlines() if "team-a/" in line] == [
        "✗ ConnectTimeout in Connect  team-a/two",
        "✓ TestEmailSent  team-a/one",
    ]
    assert fake.asked("GET", LIST)[0].query["labelSelector"] == "team=a"
    watch.end()


async def test_no_smtpconfig_to_test_is_a_failure(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed()))
    ended = await smtp("test", "--all")
    assert (ended.code, ended.err) == (2, "kubectl smtp: no SmtpConfig in namespace team-a to test\n")


@pytest.mark.parametrize("timeout", ["5", "-1s", "soon"])
async def test_an_invalid_timeout(smtp: Smtp, timeout: str) -> None:
    ended = await smtp("test", "mail", f"--timeout={timeout}")
    assert (ended.code, ended.err) == (
        2,
        f"kubectl smtp: --timeout: {timeout!r} is not a duration such as 90s, 15m or 1h30m\n",
    )


async def test_ctrl_c_says_that_the_test_goes_on(fake: FakeApi, environment: dict[str, str]) -> None:
    watch = Stream()
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    fake.on("PATCH", MAIL, Answer(body=smtp_config(version=20)))
    fake.on("WATCH", LIST, watch)
    with interruptible():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; from smtp_operator.cli.kubectl.main import main; sys.exit(main())",
            "test",
            "mail",
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    await asyncio.wait_for(watch.open.wait(), 60)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    watch.end()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().splitlines() == [
        "  … team-a/mail: test requested",
        "kubectl smtp: interrupted; the requested tests still run",
    ]
