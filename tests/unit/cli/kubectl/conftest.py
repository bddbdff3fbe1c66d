# SPDX-License-Identifier: Apache-2.0
"""`kubectl-smtp` as users run it, with a fake API server."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.cli.kubectl.main import run_plugin
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, event
from smtp_testkit.fakeapi.smtpconfigs import LIST, listed, smtp_config
from smtp_testkit.fakeapi.smtptests import SPEC, WITH_PASSWORD, SmtpTestApi, manifest

Json = dict[str, Any]
Outputs = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class CommandResult:
    """Exit code and outputs of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, parsed as JSON."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Standard output as one line."""
        return " ".join(self.out.split())


def run(words: tuple[str, ...], environment: dict[str, str], outputs: Outputs) -> CommandResult:
    """Run the command in this process."""
    outputs.readouterr()
    try:
        code = run_plugin(words, environment)
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    captured = outputs.readouterr()
    return CommandResult(code, captured.out, captured.err)


Smtp = Callable[..., Coroutine[Any, Any, CommandResult]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's home folder."""
    return tmp_path


@pytest.fixture
def kubeconfig(home: Path, fake: FakeApi) -> Path:
    """The kubeconfig of the fake API server, with the namespace team-a."""
    path = home / "kubeconfig"
    cluster = {"name": "fake", "cluster": {"server": fake.url}}
    context = {"name": "here", "context": {"cluster": "fake", "user": "me", "namespace": "team-a"}}
    other = {"name": "there", "context": {"cluster": "fake", "user": "me", "namespace": "team-b"}}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": "me", "user": {"token": "t0ken"}}],
        "contexts": [context, other],
        "current-context": "here",
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def environment(home: Path, kubeconfig: Path) -> dict[str, str]:
    """The user's environment."""
    return {"PATH": os.defpath, "HOME": str(home), "KUBECONFIG": str(kubeconfig)}


@pytest.fixture
def smtp(environment: dict[str, str], capsys: Outputs) -> Smtp:
    """Runs the command with the fake API server."""

    async def started(*words: str, **more: str) -> CommandResult:
        return await asyncio.to_thread(run, words, environment | more, capsys)

    return started


@pytest.fixture
def offline(home: Path, capsys: Outputs) -> Callable[..., CommandResult]:
    """Runs the command without a cluster."""
    return lambda *words, **more: run(words, {"PATH": os.defpath, "HOME": str(home), **more}, capsys)


@pytest.fixture
def api(fake: FakeApi) -> SmtpTestApi:
    """The SmtpTests and Secrets of the API server."""
    return SmtpTestApi(fake)


@pytest.fixture
def mail(tmp_path: Path) -> str:
    """A file with a SmtpConfig without a password."""
    return manifest(tmp_path / "mail.yaml", SPEC)


@pytest.fixture
def mail_with_password(tmp_path: Path) -> str:
    """A file with a SmtpConfig with an inline password."""
    return manifest(tmp_path / "mail.yaml", WITH_PASSWORD)


class RequestedTest:
    """A requested test and its watch."""

    def __init__(self, fake: FakeApi) -> None:
        self.fake = fake
        self.watch = Stream()
        self.value = ""
        self.version = 20

    def tells(self, status: Json, **more: Any) -> None:
        """Send this state by the watch; by default with the annotation of the request."""
        self.version += 1
        object_ = smtp_config(status, version=self.version, **{"asked": self.value, **more})
        self.watch.say(event("MODIFIED", object_))

    def handled(self, status: Json, **more: Any) -> None:
        """Send the status of a handled request."""
        self.tells(status | {"lastHandledTestRequest": self.value}, **more)


@pytest.fixture
def asking(fake: FakeApi, smtp: Smtp) -> Any:
    """Runs the command until it watches; the task returns its result."""

    @asynccontextmanager
    async def started(
        *words: str, before: Json | None = None
    ) -> AsyncIterator[tuple[RequestedTest, asyncio.Task[Any]]]:
        asked = RequestedTest(fake)
        fake.on("GET", LIST, Answer(body=listed(smtp_config(before))))
        fake.on("WATCH", LIST, asked.watch)
        echo = smtp_config(before, version=20, asked="echo")
        fake.always("PATCH", f"{LIST}/mail", Answer(body=echo))
        task = asyncio.create_task(smtp("test", *(words or ("mail",))))
        await asyncio.wait_for(asked.watch.open.wait(), 30)
        (patch,) = fake.asked("PATCH", f"{LIST}/mail")
        asked.value = patch.body["metadata"]["annotations"]["smtp-operator.io/test-requested-at"]
        yield asked, task
        asked.watch.end()

    return started
