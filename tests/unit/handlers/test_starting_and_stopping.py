# SPDX-License-Identifier: Apache-2.0
"""Everything is known before the first decision, and when one part ends the whole does."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectMetadata, Reference, ServedKind
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.cluster import KubernetesCluster
from smtp_operator.cluster.leader_election import LeaseLost
from smtp_operator.cluster.schema_check import SchemaTooOld
from smtp_operator.handlers.event_filter import EventSink
from smtp_operator.handlers.lifecycle import OperatorLifecycle
from smtp_operator.setting_parsers import SecretWatch
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi, Stream, error_event, expired, page, partial

OPENAPI = "/openapi/v3/apis/smtp-operator.io/v1alpha1"
CONFIGS = "/apis/smtp-operator.io/v1alpha1/smtpconfigs"
VAULTS = "/apis/smtp-operator.io/v1alpha1/smtpvaults"
SECRETS = "/api/v1/secrets"
CONFIG_MAPS = "/api/v1/configmaps"
ACCOUNTS = "/api/v1/serviceaccounts"

CRD: JsonObject = {
    "spec": {
        "names": {"kind": "SmtpConfig", "plural": "smtpconfigs"},
        "versions": [
            {"name": "v1alpha1", "schema": {"openAPIV3Schema": {"properties": {"spec": {}, "status": {}}}}}
        ],
    }
}
PUBLISHED = {
    "components": {
        "schemas": {
            "it": {
                "x-kubernetes-group-version-kind": [
                    {"group": "smtp-operator.io", "version": "v1alpha1", "kind": "SmtpConfig"}
                ]
            }
        }
    }
}


class FakeController:
    """Decides nothing, and writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.running = asyncio.Event()
        self.failing = asyncio.Event()

    def wants(self, reference: Reference) -> bool:
        return True

    def reference_changed(self, reference: Reference, metadata: ObjectMetadata | None) -> None:
        self.told.append(f"{reference}: {metadata.resource_version if metadata else 'gone'}")

    @property
    def sinks(self) -> dict[ServedKind, EventSink]:
        return {kind: RecordingSink(kind, self.told) for kind in ("SmtpConfig", "SmtpVault")}

    def objects_listed(self) -> None:
        self.told.append("all objects listed")

    def references_listed(self) -> None:
        self.told.append("all references listed")

    async def run(self) -> None:
        self.told.append("run")
        self.running.set()
        await self.failing.wait()
        raise RuntimeError("a defect")

    async def finish(self) -> None:
        self.told.append("finish")


class Claim:
    """Held until the test says that it is lost."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    async def hold(self) -> None:
        await self.lost.wait()
        raise LeaseLost("the lease ops/smtp-operator is lost")


class RecordingSink:
    """Record the calls about objects of one kind."""

    def __init__(self, kind: str, told: list[str]) -> None:
        self.kind = kind
        self.told = told

    def on_change(self, object_: JsonObject) -> bool:
        self.told.append(f"observe {self.kind} {object_['metadata']['name']}")
        return True

    def forget(self, key: ObjectKey, uid: str) -> None:
        self.told.append(f"forget {self.kind} {key}")

    def known(self) -> list[tuple[ObjectKey, str]]:
        return []


class OperationRun:
    """An operation on a fake API server."""

    def __init__(self, fake: FakeApi, client: KubernetesClient, **settings: Any) -> None:
        fake.always("GET", OPENAPI, Answer(body=PUBLISHED))
        fake.always("GET", CONFIGS, Answer(body=page(partial("mail", 3), version=9)))
        fake.always("GET", VAULTS, Answer(body=page(partial("bao", 4), version=9)))
        fake.always("GET", SECRETS, Answer(body=page(partial("password", 5), version=9)))
        fake.always("GET", CONFIG_MAPS, Answer(body=page(partial("ca", 6), version=9)))
        fake.always("GET", ACCOUNTS, Answer(body=page(partial("mailer", 7), version=9)))
        self.streams = {path: Stream() for path in (SECRETS, CONFIG_MAPS, ACCOUNTS)}
        for path, stream in self.streams.items():
            fake.on("WATCH", path, stream)
        chosen = Settings(**settings)
        self.core = FakeController()
        self.cluster = KubernetesCluster(client, chosen)
        self.stop_flag = asyncio.Event()
        self.claim = Claim()
        self.operation = OperatorLifecycle(
            client=client,
            cluster=self.cluster,
            core=self.core,
            crds=lambda: [CRD],
            secret_watch=chosen.secret_watch,
            stop_flag=self.stop_flag,
            lease=self.claim,
        )


async def test_all_is_known_before_the_core_runs(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    assert not it.operation.ready
    await it.operation.start()
    await it.core.running.wait()
    assert it.operation.ready
    *first, _, _, _, listed, run = it.core.told
    assert first == ["observe SmtpConfig mail", "observe SmtpVault bao", "all objects listed"]
    assert (listed, run) == ("all references listed", "run")
    middle = it.core.told[3:-2]
    assert sorted(middle) == [
        "ConfigMap team-a/ca: 6",
        "Secret team-a/password: 5",
        "ServiceAccount team-a/mailer: 7",
    ]
    assert fake.seen[0].path == OPENAPI
    await it.operation.stop()


async def test_in_label_mode_the_unlisted_are_not_taken_for_missing(
    fake: FakeApi, client: KubernetesClient
) -> None:
    it = OperationRun(fake, client, secret_watch=SecretWatch.LABEL)
    await it.operation.start()
    await it.core.running.wait()
    assert "all references listed" not in it.core.told
    await it.operation.stop()


async def test_without_a_secret_watch_nothing_is_listed(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client, secret_watch=SecretWatch.NONE)
    await it.operation.start()
    await it.core.running.wait()
    assert it.core.told == ["observe SmtpConfig mail", "observe SmtpVault bao", "all objects listed", "run"]
    assert [it.path for it in fake.seen] == [OPENAPI, CONFIGS, VAULTS]
    await it.operation.stop()


async def test_with_namespaces_only_those_are_read(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client, namespaces=("team-b",))
    ours = "/apis/smtp-operator.io/v1alpha1"
    for path, group in (("smtpconfigs", ours), ("smtpvaults", ours), ("secrets", "/api/v1")):
        fake.always("GET", f"{group}/namespaces/team-b/{path}", Answer(body=page(version=9)))
    for plural in ("configmaps", "serviceaccounts"):
        fake.always("GET", f"/api/v1/namespaces/team-b/{plural}", Answer(body=page(version=9)))
    await it.operation.start()
    assert all(seen.path == OPENAPI or "/namespaces/team-b/" in seen.path for seen in fake.seen)
    await it.operation.stop()


@pytest.mark.looptime
async def test_a_missing_crd_is_why_it_does_not_start(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    fake.always("GET", OPENAPI, Answer(404))
    with pytest.raises(SchemaTooOld):
        await it.operation.start()
    assert isinstance(it.operation.failure, SchemaTooOld)
    assert it.core.told == []


@pytest.mark.parametrize("path", [CONFIGS, SECRETS, CONFIG_MAPS, ACCOUNTS])
async def test_a_list_that_is_forbidden_is_why_it_does_not_start(
    fake: FakeApi, client: KubernetesClient, path: str
) -> None:
    it = OperationRun(fake, client)
    fake.always("GET", path, Answer(403, {"reason": "Forbidden", "message": "you may not"}))
    with pytest.raises(AccessDenied) as caught:
        await it.operation.start()
    assert str(caught.value) == f"GET {path}: 403 Forbidden: you may not"
    assert it.operation.failure is caught.value
    assert "run" not in it.core.told


async def test_a_core_that_fails_ends_everything(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    it.core.failing.set()
    await asyncio.wait_for(it.stop_flag.wait(), 60)
    assert str(it.operation.failure) == "a defect"
    assert not it.operation.ready
    assert it.operation.failed_part() == "a defect"
    await it.operation.stop()


@pytest.mark.looptime
async def test_a_watch_that_dies_ends_everything(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    fake.always("GET", SECRETS, Answer(403))
    it.streams[SECRETS].say(error_event(expired()))
    await it.stop_flag.wait()
    assert str(it.operation.failure) == f"GET {SECRETS}: 403"
    await it.operation.stop()


async def test_being_stopped_is_no_failure(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    await it.operation.stop()
    await it.operation.stop()
    assert it.operation.failure is None
    assert it.operation.failed_part() is None


async def test_what_was_begun_ends_where_the_start_is_cut_short(
    fake: FakeApi, client: KubernetesClient
) -> None:
    it = OperationRun(fake, client)
    fake.on("GET", CONFIG_MAPS, Stream())
    starting = asyncio.create_task(it.operation.start())
    await it.streams[SECRETS].open.wait()
    starting.cancel()
    await asyncio.wait([starting])
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not names & {"Event recorder", "watch of Secrets in all namespaces", "reconciler"}


@pytest.mark.looptime
async def test_a_living_operation_is_in_no_trouble(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    for _ in range(40):
        fake.on("WATCH", SECRETS, Stream())
        fake.on("WATCH", CONFIG_MAPS, Stream())
        fake.on("WATCH", ACCOUNTS, Stream())
    await asyncio.sleep(3600)
    assert it.operation.failed_part() is None
    await it.operation.stop()


async def test_a_lost_lease_ends_everything_at_once(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    await it.core.running.wait()
    it.claim.lost.set()
    await asyncio.wait_for(it.stop_flag.wait(), 10)
    await it.operation.stop()
    assert str(it.operation.failure) == "the lease ops/smtp-operator is lost"
    assert "finish" not in it.core.told, "what is under way is cut short"


async def test_a_lease_that_is_lost_during_the_start_keeps_the_core_from_running(
    fake: FakeApi, client: KubernetesClient
) -> None:
    it = OperationRun(fake, client)
    it.claim.lost.set()
    with pytest.raises(LeaseLost):
        await it.operation.start()
    assert "run" not in it.core.told
    assert not it.operation.ready


async def test_told_to_stop_it_lets_the_core_finish(fake: FakeApi, client: KubernetesClient) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    await it.operation.stop()
    assert it.core.told[-1] == "finish"


@dataclass(frozen=True)
class Silent:
    """A watch that has given no sign of life for so many seconds."""

    silent_for: float

    def __str__(self) -> str:
        return "watch of Secrets in all namespaces"


@pytest.mark.parametrize(
    ("seconds", "trouble"),
    [(299, None), (301, "no sign of life: watch of Secrets in all namespaces")],
)
async def test_a_watch_that_is_dead_is_trouble(
    fake: FakeApi,
    client: KubernetesClient,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    trouble: str | None,
) -> None:
    it = OperationRun(fake, client)
    await it.operation.start()
    monkeypatch.setattr(it.cluster, "watches", (Silent(seconds),))
    assert it.operation.failed_part() == trouble
    await it.operation.stop()
