# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp test NAME` tests by a SmtpTest with `--to`, or where the user may not annotate."""

from collections.abc import Callable
from typing import Any

from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, failed, listed, passed, smtp_config
from smtp_testkit.fakeapi.smtptests import TESTS, SmtpTestApi, followed

Smtp = Callable[..., Any]

PATCH_DENIED = 'smtpconfigs.smtp-operator.io "mail" is forbidden: User "me" cannot patch resource'
LIST_DENIED = 'smtpconfigs.smtp-operator.io is forbidden: User "me" cannot list resource'


def denied(message: str) -> Answer:
    """Return a response of the API server to a request that is not allowed."""
    return Answer(403, body={"reason": "Forbidden", "message": message})


async def test_to_replaces_the_recipients(api: SmtpTestApi, smtp: Smtp) -> None:
    async with followed(api, smtp, "mail", "--to", "me@example.com") as task:
        api.changes(passed())
        ended = await task
    assert ended.code == 0
    assert ended.out.startswith("✓ TestEmailSent  team-a/mail\n")
    assert api.test["spec"] == {
        "configRef": {"name": "mail"},
        "recipients": {"to": ["me@example.com"]},
        "ttlAfterFinished": "5m",
    }
    assert api.objects == {}


async def test_mode_alone_also_uses_a_smtp_test(api: SmtpTestApi, smtp: Smtp) -> None:
    async with followed(api, smtp, "mail", "--mode", "Connect") as task:
        api.changes(passed())
        assert (await task).code == 0
    assert api.test["spec"]["mode"] == "Connect"


async def test_without_patch_a_smtp_test_replaces_the_request(
    api: SmtpTestApi, fake: FakeApi, smtp: Smtp
) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    fake.on("PATCH", f"{LIST}/mail", denied(PATCH_DENIED))
    async with followed(api, smtp, "mail") as task:
        api.changes(failed("RelayDenied"))
        ended = await task
    assert (ended.code, ended.out.splitlines()[0]) == (1, "✗ RelayDenied in Connect  team-a/mail")
    assert api.test["spec"] == {"configRef": {"name": "mail"}, "ttlAfterFinished": "5m"}


async def test_without_any_right_on_smtpconfigs_the_name_is_enough(
    api: SmtpTestApi, fake: FakeApi, smtp: Smtp
) -> None:
    fake.on("GET", LIST, denied(LIST_DENIED))
    async with followed(api, smtp, "mail") as task:
        api.changes(passed())
        ended = await task
    assert (ended.code, ended.out.splitlines()[0]) == (0, "✓ TestEmailSent  team-a/mail")


async def test_a_selector_without_list_is_an_error(api: SmtpTestApi, fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, denied(LIST_DENIED))
    ended = await smtp("test", "-l", "team=a")
    assert (ended.code, ended.err) == (2, f"kubectl smtp: GET {LIST}: 403 Forbidden: {LIST_DENIED}\n")
    assert api.created == []


async def test_with_neither_right_both_are_named(api: SmtpTestApi, fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    fake.on("PATCH", f"{LIST}/mail", denied(PATCH_DENIED))
    api.denied = ("create smtptests", "watch smtptests")
    ended = await smtp("test", "mail")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"kubectl smtp: team-a/mail: the test cannot be requested: PATCH {LIST}/mail: 403 Forbidden:"
        f" {PATCH_DENIED}; you lack rights in namespace team-a that a SmtpTest needs: create and watch on"
        " smtptests. Ask for the role smtp-operator-test\n"
    )


async def test_a_policy_that_refuses_the_config_ref_is_quoted(api: SmtpTestApi, smtp: Smtp) -> None:
    sentence = "you are not allowed to test the SmtpConfig mail that spec.configRef names"
    api.failures["POST SmtpTest"] = denied(sentence)
    ended = await smtp("test", "mail", "--to", "me@example.com")
    assert (ended.code, ended.err) == (
        2,
        "kubectl smtp: team-a/mail: it cannot be tested by a SmtpTest: POST"
        f" {TESTS}: 403 Forbidden: {sentence}\n",
    )
