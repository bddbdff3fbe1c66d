# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp test -f FILE` explains why a test is not possible, and removes what it created."""

import asyncio
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.server import ReceivedRequest
from smtp_testkit.fakeapi.smtpconfigs import passed
from smtp_testkit.fakeapi.smtptests import TESTS, SmtpTestApi, followed
from smtp_testkit.interrupts import interruptible

Smtp = Callable[..., Any]


@pytest.mark.parametrize(
    ("denied", "text"),
    [
        (
            ("create smtptests", "delete smtptests"),
            "you lack rights in namespace team-a that a SmtpTest needs: create and delete on smtptests. Ask"
            " for the role smtp-operator-test",
        ),
        (
            ("create secrets", "patch secrets"),
            "you lack rights in namespace team-a that a SmtpTest needs: create and patch on secrets. They are"
            " for a Secret with the password: store it first, and name it in password.secretRef",
        ),
    ],
)
async def test_missing_rights_are_named_and_nothing_is_created(
    api: SmtpTestApi, smtp: Smtp, mail_with_password: str, denied: tuple[str, ...], text: str
) -> None:
    api.denied = denied
    ended = await smtp("test", "-f", mail_with_password)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"kubectl smtp: team-a/mail: {text}\n"
    assert api.created == []


NO_CRD = Answer(
    404, body={"reason": "NotFound", "message": "the server could not find the requested resource"}
)
NO_NAMESPACE = Answer(404, body={"reason": "NotFound", "message": 'namespaces "team-a" not found'})
POLICY = Answer(
    403, body={"reason": "Forbidden", "message": "you are not allowed to use the vault SmtpVault/kv"}
)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (
            NO_CRD,
            "this cluster has no SmtpTests: its smtp-operator is not installed, or is older than this"
            " plug-in. Ask a cluster admin to apply the CRDs of this release",
        ),
        (NO_NAMESPACE, "namespace team-a does not exist"),
        (
            POLICY,
            f"it cannot be tested by a SmtpTest: POST {TESTS}: 403 Forbidden: you are not allowed to use the"
            " vault SmtpVault/kv",
        ),
    ],
)
async def test_a_refused_smtp_test_is_explained_and_its_password_never_sent(
    api: SmtpTestApi, smtp: Smtp, mail_with_password: str, failure: Answer, text: str
) -> None:
    api.failures["POST SmtpTest --dry-run"] = failure
    ended = await smtp("test", "-f", mail_with_password)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"kubectl smtp: team-a/mail: {text}\n"
    assert api.created == []


@pytest.mark.parametrize(
    ("request_", "code"), [("POST SmtpTest", 3), ("PATCH Secret", 3), ("POST Secret", 3)]
)
async def test_after_a_failure_nothing_is_left(
    api: SmtpTestApi, smtp: Smtp, mail_with_password: str, request_: str, code: int
) -> None:
    api.failures[request_] = Answer(503)
    ended = await smtp("test", "-f", mail_with_password)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("kubectl smtp: team-a/mail: the API server does not answer: ")
    assert api.objects == {}


async def test_what_cannot_be_deleted_is_named(api: SmtpTestApi, smtp: Smtp, mail_with_password: str) -> None:
    refused = Answer(403, body={"reason": "Forbidden", "message": "no"})
    api.failures |= {"DELETE SmtpTest": refused}
    async with followed(api, smtp, "-f", mail_with_password) as task:
        name = api.test["metadata"]["name"]
        api.changes(passed())
        ended = await task
    assert ended.code == 0
    assert (
        f"kubectl smtp: SmtpTest team-a/{name} could not be deleted: DELETE {TESTS}/{name}: 403 Forbidden:"
        " no. The operator deletes it 5m after its end.\n"
    ) in ended.err
    assert list(api.objects) == [f"{TESTS}/{name}"]


async def test_a_timeout_deletes_the_smtp_test(api: SmtpTestApi, smtp: Smtp, mail: str) -> None:
    async with followed(api, smtp, "-f", mail, "--timeout", "3s") as task:
        ended = await task
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.endswith(
        "kubectl smtp: team-a/mail: no verdict within 3s. Is the operator running, and does it serve"
        " namespace team-a?\n"
    )
    assert api.objects == {}


async def test_a_deleted_smtp_test_has_no_verdict(api: SmtpTestApi, smtp: Smtp, mail: str) -> None:
    async with followed(api, smtp, "-f", mail) as task:
        api.changes({}, "DELETED")
        ended = await task
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("kubectl smtp: team-a/mail: its SmtpTest was deleted before it finished\n")


async def test_a_broken_watch_is_opened_again(api: SmtpTestApi, fake: FakeApi, smtp: Smtp, mail: str) -> None:
    async with followed(api, smtp, "-f", mail) as task:
        api.objects[f"{TESTS}/{api.test['metadata']['name']}"]["status"] = passed()
        fake.on("WATCH", TESTS, Answer(410, body={"reason": "Expired"}))
        api.watch.end()
        ended = await task
    assert ended.out.startswith("✓ TestEmailSent  team-a/mail\n")


async def started(environment: dict[str, str], file: str) -> asyncio.subprocess.Process:
    """Start the command as a process that signals reach."""
    with interruptible():
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; from smtp_operator.cli.kubectl.main import main; sys.exit(main())",
            "test",
            "-f",
            file,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


async def test_a_second_ctrl_c_does_not_stop_the_deletion(
    api: SmtpTestApi, fake: FakeApi, environment: dict[str, str], mail_with_password: str
) -> None:
    answer, deleting, go_on = fake.otherwise, asyncio.Event(), asyncio.Event()

    async def slow(request: ReceivedRequest) -> Answer:
        if request.method == "DELETE":
            deleting.set()
            await go_on.wait()
        return await answer(request)

    fake.otherwise = slow
    process = await started(environment, mail_with_password)
    assert process.stderr is not None
    await asyncio.wait_for(api.watch.open.wait(), 60)
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(deleting.wait(), 60)
    process.send_signal(signal.SIGINT)
    waits = "kubectl smtp: the SmtpTest is being deleted; this takes a minute at most\n"
    while await asyncio.wait_for(process.stderr.readline(), 60) != waits.encode():
        pass
    go_on.set()
    await asyncio.wait_for(process.communicate(), 60)
    api.watch.end()
    assert process.returncode == 130
    assert api.objects == {}


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_deletes_the_smtp_test_and_its_secret(
    api: SmtpTestApi, environment: dict[str, str], mail_with_password: str, signal_: int
) -> None:
    process = await started(environment, mail_with_password)
    await asyncio.wait_for(api.watch.open.wait(), 60)
    process.send_signal(signal_)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    api.watch.end()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().splitlines()[-1] == (
        "kubectl smtp: interrupted; the SmtpTest is deleted, and an email that was not yet sent is not sent"
    )
    assert api.kinds == ["Secret", "SmtpTest"]
    assert api.objects == {}
