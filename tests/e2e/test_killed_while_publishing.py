# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step from the accepted email to the published Secret: no second email, one proven tuple."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, Object, OperatorProcess, StartOperator
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.publishing import permit_publishing
from smtp_testkit.testbed.recording_proxy import Barrier, RecordedRequest, RecordingProxy, recorded
from smtp_testkit.testbed.seen import ObservedObject
from smtp_tools.localcluster import LocalCluster

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


@dataclass(frozen=True)
class Kill:
    """A request of the operator at which it is killed."""

    method: str
    path: str
    """The end of the path; NAME is the name of the SmtpConfig and of its Secret."""
    reason: str = ""
    """The reason of a condition in the status that the request writes."""
    answered: bool = False
    """Whether the API server has carried it out."""

    def holds(self, name: str) -> Callable[[RecordedRequest], bool]:
        """Return whether a request is this one, for one SmtpConfig."""
        path = self.path.replace("NAME", name)

        def this(request: RecordedRequest) -> bool:
            return (
                request.method == self.method
                and request.path.partition("?")[0].endswith(path)
                and (not self.reason or self.reason in reasons(request))
            )

        return this


def reasons(request: RecordedRequest) -> set[str]:
    """Return the reasons of the conditions that a request writes."""
    status = json.loads(request.body).get("status", {})
    return {it["reason"] for it in status.get("conditions", ())}


READ = Kill("GET", "/secrets/NAME")
VERDICT = Kill("PATCH", "/smtpconfigs/NAME/status", "Publishing")
VERDICT_WRITTEN = Kill("PATCH", "/smtpconfigs/NAME/status", "Publishing", answered=True)
SECRET = Kill("POST", "/secrets")
SECRET_WRITTEN = Kill("POST", "/secrets", answered=True)
READ_AGAIN = Kill("GET", "/secrets/smtp-password")
PUBLISHED = Kill("PATCH", "/smtpconfigs/NAME/status", "Published")
PUBLISHED_WRITTEN = Kill("PATCH", "/smtpconfigs/NAME/status", "Published", answered=True)

STEPS: dict[str, tuple[tuple[Kill, ...], int]] = {
    # Without a verdict the test is repeated, with the same Message-ID (rule 1).
    "after the email": ((READ,), 2),
    "before the verdict is written": ((VERDICT,), 2),
    "once the verdict is written": ((VERDICT_WRITTEN,), 1),
    "before the Secret is written": ((SECRET,), 1),
    "once the Secret is written": ((SECRET_WRITTEN,), 1),
    "before the status says so": ((PUBLISHED,), 1),
    "once the status says so": ((PUBLISHED_WRITTEN,), 1),
    "before the sources are read again": ((SECRET, READ_AGAIN), 1),
    "after they are read again": ((SECRET, SECRET), 1),
    "after the Secret is written with what was read again": ((SECRET, SECRET_WRITTEN), 1),
    "and before the status says so": ((SECRET, PUBLISHED), 1),
}
"""Requests at which the operator and then its successors are killed, and the number of emails."""


@pytest.fixture
def proxy(
    cluster: LocalCluster, service_account: Path, tmp_path: Path
) -> Iterator[tuple[RecordingProxy, Path]]:
    """A proxy in front of the API server, and the operator's kubeconfig for it."""
    with recorded(service_account, cluster.url, cluster.ca_file, tmp_path) as it:
        yield it


@pytest.fixture
def operator(
    bed: Bed, proxy: tuple[RecordingProxy, Path], start_operator: StartOperator, operator_user: str
) -> OperatorProcess:
    """An operator that may publish, behind the proxy."""
    permit_publishing(bed, operator_user)
    return start_operator(*LOOPBACK, f"--namespace={bed.namespace}", "--publish", kubeconfig=proxy[1])


def kill_at(operator: OperatorProcess, proxy: RecordingProxy, kill: Kill, name: str) -> None:
    proxy.barrier = Barrier(kill.holds(name), operator.kill, kill.answered)


def published(it: ObservedObject, secret: str = "") -> bool:
    return (
        it.judged
        and it.condition("Published").reason == "Published"
        and "Reconciling" not in it.conditions
        and secret in ("", it.status["binding"]["name"])
    )


def secret_of(bed: Bed, name: str) -> Object:
    (found,) = (it for it in bed.api.items(bed.core("secrets")) if it["metadata"]["name"] == name)
    return found


def message_ids(server: MailServer, name: str) -> list[bytes]:
    named = f"X-Smtp-Operator: .*/{name}$".encode()
    mails = (it.content.replace(b"\r\n", b"\n") for it in server.mails)
    return [re.findall(rb"(?mi)^Message-ID: (\S+)", it)[0] for it in mails if re.search(b"(?mi)" + named, it)]


def test_killed_at_each_step_it_publishes_what_was_proven(
    bed: Bed, server: MailServer, proxy: tuple[RecordingProxy, Path], operator: OperatorProcess
) -> None:
    bed.secret("smtp-password", password=server.users["mailer"])
    recording, _ = proxy
    for number, (step, (kills, mails)) in enumerate(STEPS.items()):
        name = f"step-{number}"
        first, *further = kills
        kill_at(operator, recording, first, name)
        bed.create(server, name, **LOGIN, publish={"secretName": name}, allowInsecureAuth=True)
        assert operator.ended() == -9, step
        for kill in further:
            kill_at(operator, recording, kill, name)
            operator.launch()
            assert operator.ended() == -9, step
        operator.start()

        seen = bed.wait(published, name)
        secret = secret_of(bed, name)
        values = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        password = server.users["mailer"]
        assert values == {
            "type": "smtp",
            "provider": "smtp-operator",
            "host": server.host,
            "port": str(server.plain_port),
            "username": "mailer",
            "password": password,
            "uri": f"smtp://mailer:{password}@{server.host}:{server.plain_port}",
            "from": seen.object["spec"]["from"],
            "security": "None",
        }, step
        ids = message_ids(server, name)
        assert (len(ids), len(set(ids))) == (mails, 1), step
        metadata = secret["metadata"]
        assert seen.status["published"]["secret"] == f"{metadata['uid']}/{metadata['resourceVersion']}", step
        assert writes_of(recording, name) == 1 + kills.count(SECRET), step


def writes_of(recording: RecordingProxy, name: str) -> int:
    """Return how often the operator asked to write a Secret."""
    bodies = (json.loads(it.body) for it in recording.asked() if it.method in {"POST", "PUT"} and it.body)
    return sum(it.get("kind") == "Secret" and it["metadata"]["name"] == name for it in bodies)


def test_killed_while_it_renames_and_removes_the_secret(
    bed: Bed, server: MailServer, proxy: tuple[RecordingProxy, Path], operator: OperatorProcess
) -> None:
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, "mail", **LOGIN, publish={"secretName": "old"}, allowInsecureAuth=True)
    bed.wait(published)
    for old, new, kill in (
        ("old", "new", Kill("DELETE", "/secrets/old")),
        ("new", "newer", Kill("DELETE", "/secrets/new", answered=True)),
        ("newer", "newest", Kill("PATCH", "/smtpconfigs/mail/status", "Published")),
    ):
        kill_at(operator, proxy[0], kill, "mail")
        bed.change(publish={"secretName": new})
        assert operator.ended() == -9
        operator.start()
        bed.wait(partial(published, secret=new))
        names = {it["metadata"]["name"] for it in bed.api.items(bed.core("secrets"))}
        assert (old in names, new in names) == (False, True)
    kill_at(operator, proxy[0], Kill("DELETE", "/secrets/newest", answered=True), "mail")
    bed.change(publish=None)
    assert operator.ended() == -9
    operator.start()
    bed.wait(lambda it: "binding" not in it.status and "Published" not in it.conditions)
    assert len(server.mails) == 1
