# SPDX-License-Identifier: Apache-2.0
"""A cancelled program deletes what it created, also if the API server was still creating it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.cli.kubectl.smtp_test_requests import request_of_settings
from smtp_operator.cli.kubectl.smtp_tests import running
from smtp_operator.cluster.access import find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.server import ReceivedRequest
from smtp_testkit.fakeapi.smtptests import SECRETS, TESTS, SmtpTestApi

SPEC: dict[str, Any] = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "noreply@example.com",
    "username": "mailer",
    "password": {"value": "s3cret-password"},
}


@pytest.fixture
async def client(kubeconfig: Path, environment: dict[str, str]) -> AsyncIterator[KubernetesClient]:
    """A client of the fake API server."""
    client = KubernetesClient(await find_access(Settings(), environment))
    yield client
    await client.close()


@pytest.mark.parametrize("path", [SECRETS, TESTS])
async def test_a_creation_that_has_started_is_awaited_and_undone(
    fake: FakeApi, client: KubernetesClient, path: str
) -> None:
    api = SmtpTestApi(fake)
    answer, started, go_on = fake.otherwise, asyncio.Event(), asyncio.Event()

    async def slow(request: ReceivedRequest) -> Answer:
        if request.method == "POST" and request.path == path and "dryRun" not in request.query:
            started.set()
            await go_on.wait()
        return await answer(request)

    fake.otherwise = slow
    warnings: list[str] = []

    async def program() -> None:
        async with running(client, request_of_settings("team-a", SPEC), warn=warnings.append):
            pass

    task = asyncio.create_task(program())
    await asyncio.wait_for(started.wait(), 30)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert api.kinds == ["Secret", "SmtpTest"][: 1 + (path == TESTS)]
    assert api.objects == {}
    assert warnings == []


async def test_an_object_of_the_same_name_is_not_deleted(fake: FakeApi, client: KubernetesClient) -> None:
    api = SmtpTestApi(fake)
    api.failures["POST Secret"] = Answer(409, body={"reason": "AlreadyExists"})
    with pytest.raises(Exception, match="409 AlreadyExists"):
        async with running(client, request_of_settings("team-a", SPEC), warn=print):
            pass
    assert fake.asked("DELETE", SECRETS) == []
    assert not [it for it in fake.seen if it.method == "DELETE"]


def test_a_request_does_not_show_its_password() -> None:
    request = request_of_settings("team-a", SPEC)
    assert request.password == "s3cret-password"
    assert "s3cret" not in repr(request)
