# SPDX-License-Identifier: Apache-2.0
"""SmtpTests and Secrets of namespace team-a, with an operator whose verdicts the test sends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from smtp_testkit.fakeapi.objects import event
from smtp_testkit.fakeapi.server import Answer, FakeApi, ReceivedRequest, Stream
from smtp_testkit.fakeapi.smtpconfigs import EARLIER

Json = dict[str, Any]

TESTS = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtptests"
SECRETS = "/api/v1/namespaces/team-a/secrets"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

SPEC: Json = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "noreply@example.com",
    "recipients": {"to": ["ops@example.com"], "cc": ["team@example.com"]},
    "recheck": {"interval": "1h"},
    "suspend": True,
}
WITH_PASSWORD = SPEC | {"username": "mailer", "password": {"value": "s3cret-password"}}


class SmtpTestApi:
    """Stores SmtpTests and Secrets, and counts what is left of them."""

    def __init__(self, fake: FakeApi, *, denied: Collection[str] = ()) -> None:
        """Serve the objects; ``denied`` are rights such as ``delete secrets``."""
        self.fake = fake
        self.denied = denied
        self.objects: dict[str, Json] = {}
        """The stored objects by path."""
        self.created: list[Json] = []
        """All objects that were ever stored, as they were created."""
        self.failures: dict[str, Answer] = {}
        """The responses to requests such as ``PATCH Secret`` or ``POST SmtpTest --dry-run``."""
        self.watch = Stream()
        self._version = 100
        fake.otherwise = self._answer
        fake.on("WATCH", TESTS, self.watch)

    @property
    def kinds(self) -> list[str]:
        """The kinds of all objects that were stored, in order."""
        return [it["kind"] for it in self.created]

    @property
    def test(self) -> Json:
        """The SmtpTest."""
        (found,) = (it for it in self.created if it["kind"] == "SmtpTest")
        return found

    @property
    def secret(self) -> Json:
        """The Secret."""
        (found,) = (it for it in self.created if it["kind"] == "Secret")
        return found

    def changes(self, status: Json, type_: str = "MODIFIED") -> None:
        """Send this state of the SmtpTest by the watch."""
        self._version += 1
        metadata = self.test["metadata"] | {"resourceVersion": str(self._version)}
        self.watch.say(event(type_, self.test | {"metadata": metadata, "status": status}))

    async def _answer(self, request: ReceivedRequest) -> Answer:
        if request.path == REVIEWS:
            asked = request.body["spec"]["resourceAttributes"]
            return Answer(
                201, body={"status": {"allowed": f"{asked['verb']} {asked['resource']}" not in self.denied}}
            )
        kind = "Secret" if request.path.startswith(SECRETS) else "SmtpTest"
        dry_run = " --dry-run" if request.query.get("dryRun") else ""
        failure = self.failures.get(f"{request.method} {kind}{dry_run}")
        if failure is not None:
            return failure
        if request.method == "POST":
            return self._created(request, stored=not dry_run)
        found = self.objects.get(request.path)
        if found is None:
            return Answer(404, body={"reason": "NotFound"})
        if request.method == "DELETE":
            del self.objects[request.path]
        elif request.method == "PATCH":
            found["metadata"] |= request.body["metadata"]
        return Answer(body=found)

    def _created(self, request: ReceivedRequest, *, stored: bool) -> Answer:
        self._version += 1
        metadata = request.body["metadata"]
        object_ = request.body | {
            "metadata": metadata
            | {
                "uid": f"uid-of-{metadata['name']}",
                "generation": 1,
                "resourceVersion": str(self._version),
                "creationTimestamp": EARLIER,
            },
        }
        if stored:
            self.created.append(object_)
            self.objects[f"{request.path}/{metadata['name']}"] = object_
        return Answer(201, body=object_)


def smtp_config(spec: Json, name: str = "mail", **metadata: str) -> Json:
    """Return a SmtpConfig as in a file."""
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def manifest(path: Path, spec: Json, more: str = "", **metadata: str) -> str:
    """Write a SmtpConfig, and more text, to a file, and return the path."""
    path.write_text(yaml.safe_dump(smtp_config(spec, **metadata)) + more)
    return str(path)


def manifests(path: Path, *names: str) -> str:
    """Write SmtpConfigs to a file, and return the path."""
    path.write_text(yaml.safe_dump_all([smtp_config(SPEC, name) for name in names]))
    return str(path)


@asynccontextmanager
async def followed(
    api: SmtpTestApi, smtp: Callable[..., Coroutine[Any, Any, Any]], *words: str
) -> AsyncIterator[asyncio.Task[Any]]:
    """Run `kubectl smtp test` with these words; the block starts when it watches its SmtpTest."""
    task = asyncio.create_task(smtp("test", *words))
    opened = asyncio.create_task(api.watch.open.wait())
    await asyncio.wait([task, opened], timeout=30, return_when=asyncio.FIRST_COMPLETED)
    assert opened.done(), (await task).err
    yield task
    api.watch.end()
