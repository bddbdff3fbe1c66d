# SPDX-License-Identifier: Apache-2.0
"""Users, their objects, and an operator that can be started, killed and started again."""

import asyncio
import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.smtpvault import Provider
from smtp_operator.api.status import Condition, SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.reconcile.controller import Controller
from smtp_operator.reconcile.ports import ReconcilePolicy, SenderChecker, TestObserver
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_testkit.simulation.cluster import FakeCluster, StatusWrite, Watch
from smtp_testkit.simulation.engine import Mail, Run, ScriptedEngine
from smtp_testkit.simulation.mailboxes import SimulatedMailboxes
from smtp_testkit.simulation.published_secrets import SecretWrite
from smtp_testkit.simulation.storage import Storage
from smtp_testkit.simulation.tokens import SimulatedTokens
from smtp_testkit.simulation.vault_objects import NAMESPACE, Vault, merged
from smtp_testkit.simulation.vaults import NoHttps, SimulatedAccounts, SimulatedVaults

EPOCH: Final = 1_795_000_000.0
"""2026-11-18 11:06:40 UTC, the start of every world."""

SPEC: Final[JsonObject] = {
    "server": "smtp.example.com",
    "port": 587,
    "from": "noreply@example.com",
    "recipients": {"to": ["ops@example.com"]},
}
LOGIN: Final[JsonObject] = {
    "username": "mailer@example.com",
    "password": {"secretRef": {"name": "smtp-password"}},
}


class World:
    """The controller and its whole environment."""

    def __init__(
        self,
        policy: ReconcilePolicy | None = None,
        *,
        watch: Watch = "metadata",
        may_send: Callable[[], None] | None = None,
    ) -> None:
        """Create a world without an operator; ``may_send`` as for ``Controller``."""
        policy = policy or ReconcilePolicy()
        self.policy = replace(policy, watches_references=watch == "metadata")
        self.wrong_by = 0.0
        """How many seconds the operator's clock is fast."""
        self.storage = Storage(self.time)
        self.cluster = FakeCluster(self.storage, now=self.time, watch=watch)
        self.engine = ScriptedEngine(self.time, policy.connections_per_destination)
        self._may_send = may_send
        self.mailboxes = SimulatedMailboxes(self.operators_time, lambda: self.all_mails)
        self.tokens = SimulatedTokens()
        self.vaults = SimulatedVaults(self.time)
        self.senders: SenderChecker | None = None
        """Reads the records of senders for every operator started from now on."""
        self.observer: TestObserver | None = None
        """Receives the progress of tests from every operator started from now on."""
        self._operator: tuple[Controller, asyncio.Task[None]] | None = None

    def time(self) -> float:
        """Return the time of all clocks except the operator's, in seconds since the epoch."""
        return EPOCH + asyncio.get_running_loop().time()

    def operators_time(self) -> float:
        """Return the time of the operator's clock."""
        return self.time() + self.wrong_by

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    # The operator.

    @property
    def operator(self) -> Controller:
        """The running operator."""
        assert self._operator is not None
        return self._operator[0]

    async def start(self) -> None:
        """Start an operator and deliver all objects to it."""
        assert self._operator is None
        core = Controller(
            cluster=self.cluster,
            engine=self.engine,
            policy=self.policy,
            now=self.operators_time,
            vaults=self._live_vaults,
            tokens=lambda get_object: self.tokens.by(SimulatedAccounts(get_object)),
            senders=self.senders,
            mailboxes=lambda: self.mailboxes,
            observer=self.observer,
            may_send=self._may_send,
        )
        self.cluster.attach(core)
        self._operator = (core, asyncio.create_task(core.run(), name="operator"))

    def _live_vaults(self, get_object: GetObject) -> VaultClients:
        return VaultClients(
            get_object=get_object,
            accounts=SimulatedAccounts(get_object),
            https=NoHttps(),
            monotonic=asyncio.get_running_loop().time,
            now=self.operators_time,
            require_allowed_servers=self.policy.require_allowed_servers,
            providers=dict.fromkeys(Provider, self.vaults.client),
        )

    async def stop(self) -> None:
        """Kill the operator in the middle of its work."""
        if self._operator is None:
            return
        _, task = self._operator
        self._operator = None
        self.cluster.detach()
        task.cancel()
        await asyncio.wait([task])

    async def restart(self, *, after: float = 0.0) -> None:
        """Kill the operator and start another one some seconds later."""
        await self.stop()
        await asyncio.sleep(after)
        await self.start()

    async def ready(self, **spec: Any) -> "SmtpConfig":
        """Start an operator with a passed SmtpConfig that has a login; forget all records of this."""
        if self._operator is None:
            await self.start()
        if Reference("Secret", NAMESPACE, "smtp-password") not in self.storage.objects:
            self.put_secret(password="s3cret-1")
            await self.passes(60)
        mail = self.smtp_config().create_with_login(**spec)
        await self.passes(1)
        assert mail.ready == "True", mail.status
        self.forget()
        return mail

    def forget(self) -> None:
        """Forget all records so far: emails, logins, tests, writes, Events."""
        for history in (self.mails, self.runs, self.logins, self.writes):
            history.clear()
        self.cluster.calls.clear()
        self.cluster.secret_writes.clear()
        self.cluster.notices.clear()
        self.vaults.forget()

    # Its users.

    def smtp_config(self, name: str = "corporate-mail", namespace: str = NAMESPACE) -> "SmtpConfig":
        """Return an SmtpConfig by name, which may not exist yet."""
        return SmtpConfig(self, ObjectKey(namespace, name))

    def put_secret(
        self,
        name: str = "smtp-password",
        *,
        manager: str = "kubectl-create",
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        **values: str | bytes,
    ) -> Reference:
        """Create or replace a Secret."""
        reference = Reference("Secret", NAMESPACE, name)
        self.storage.put_object(
            reference, {**(data or {}), **values}, manager=manager, annotations=annotations, labels=labels
        )
        return reference

    def put_service_account(
        self, name: str = "mailer", *, allowed_audiences: str, allowed_servers: str | None = None
    ) -> Reference:
        """Create a ServiceAccount, or change what its owner allows."""
        reference = Reference("ServiceAccount", NAMESPACE, name)
        annotations = {"smtp-operator.io/allowed-audiences": allowed_audiences}
        if allowed_servers is not None:
            annotations["smtp-operator.io/allowed-servers"] = allowed_servers
        self.storage.put_object(reference, {}, manager="kubectl-annotate", annotations=annotations)
        return reference

    def strip_managed_fields(self, name: str = "smtp-password") -> None:
        """Remove the managedFields, as some backup tools do."""
        reference = Reference("Secret", NAMESPACE, name)
        self.annotate_secret(name, restored="true")
        stripped = copy.deepcopy(self.storage.objects[reference])
        stripped["metadata"]["managedFields"] = []
        self.storage.objects[reference] = stripped

    def annotate_secret(self, name: str = "smtp-password", **annotations: str | None) -> None:
        """Annotate a Secret, like ``kubectl annotate secret``; None removes. Its data does not change."""
        reference = Reference("Secret", NAMESPACE, name)
        object_ = self.storage.objects[reference]
        before = object_["metadata"].get("annotations") or {}
        self.storage.put_object(
            reference,
            {key: base64.b64decode(value) for key, value in object_["data"].items()},
            manager="kubectl-annotate",
            annotations={k: v for k, v in (before | annotations).items() if v is not None},
        )

    def put_config_map(self, name: str = "corp-ca", *, data: Mapping[str, str]) -> Reference:
        """Create or replace a ConfigMap."""
        reference = Reference("ConfigMap", NAMESPACE, name)
        self.storage.put_object(reference, data, manager="kubectl-create")
        return reference

    def published(self, name: str = "proven") -> dict[str, str] | None:
        """Return the values of a published Secret; None if it does not exist."""
        found = self.storage.objects.get(Reference("Secret", NAMESPACE, name))
        return found and {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def delete_secret(self, name: str = "smtp-password") -> None:
        """Delete it."""
        self.storage.delete_object(Reference("Secret", NAMESPACE, name))

    def vault(self, name: str = "bao", namespace: str = NAMESPACE) -> "Vault":
        """Return an SmtpVault by name, which may not exist yet."""
        return Vault(self, Reference("SmtpVault", namespace, name))

    def cluster_vault(self, name: str = "corp") -> "Vault":
        """Return a ClusterSmtpVault by name, which may not exist yet."""
        return Vault(self, Reference("ClusterSmtpVault", "", name))

    # What came of it.

    @property
    def mails(self) -> list[Mail]:
        """All emails that servers accepted."""
        return self.engine.mails

    @property
    def all_mails(self) -> list[Mail]:
        """All emails, also those before ``forget``."""
        return self.engine.all_mails

    @property
    def runs(self) -> list[Run]:
        """All tests that opened a connection."""
        return self.engine.runs

    @property
    def logins(self) -> list[tuple[float, str]]:
        """The time and password of each login."""
        return self.engine.logins

    @property
    def secret_writes(self) -> list[SecretWrite]:
        """All writes of published Secrets."""
        return self.cluster.secret_writes

    @property
    def writes(self) -> list[StatusWrite]:
        """All written statuses."""
        return self.cluster.status_writes

    def complaints(self) -> list[str]:
        """Violations of what always holds: the rules of statuses, and one test at a time per object."""
        return [*self.cluster.complaints, *(f"{name} tested twice at once" for name in self.engine.overlaps)]


class SmtpConfig:
    """An SmtpConfig, as its users see it."""

    def __init__(self, world: World, key: ObjectKey) -> None:
        self._world = world
        self.key = key

    def create(self, **spec: Any) -> "SmtpConfig":
        """Create it without a login; a field that is None is omitted."""
        self._put(merged(SPEC, spec))
        return self

    def create_with_login(self, **spec: Any) -> "SmtpConfig":
        """Create it with a username and a password in the Secret smtp-password, which is not created."""
        return self.create(**merged(LOGIN, spec))

    def edit(self, *, checked: bool = True, **spec: Any) -> None:
        """Change fields of the spec; None removes a field."""
        self._put(merged(self.object_["spec"], spec), checked=checked)

    def request_test(self, value: str = "2026-11-18T12:00:00+00:00") -> None:
        """Set the annotation smtp-operator.io/test-requested-at, like ``kubectl annotate``."""
        self.annotate(**{TEST_REQUESTED_AT: value})

    def annotate(self, **annotations: str) -> None:
        """Set annotations, like ``kubectl annotate``."""
        object_ = self.object_
        before = object_["metadata"]["annotations"]
        self._world.storage.put_smtp_config(self.key, object_["spec"], before | annotations, checked=False)

    def withdraw_request(self) -> None:
        """Remove the annotation."""
        object_ = self.object_
        left = {k: v for k, v in object_["metadata"]["annotations"].items() if k != TEST_REQUESTED_AT}
        self._world.storage.put_smtp_config(self.key, object_["spec"], left, checked=False)

    def delete(self) -> None:
        """Delete it, like ``kubectl delete``."""
        self._world.storage.delete_smtp_config(self.key)

    def _put(self, spec: JsonObject, *, checked: bool = True) -> None:
        self._world.storage.put_smtp_config(self.key, spec, checked=checked)

    @property
    def object_(self) -> JsonObject:
        """The object on the API server."""
        return self._world.storage.smtp_configs[self.key]

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.object_["metadata"]["generation"])

    @property
    def status(self) -> SmtpConfigStatus:
        """The whole status."""
        return SmtpConfigStatus.model_validate(self.object_["status"])

    def condition(self, kind: str) -> Condition | None:
        """Return a condition, or None."""
        return self.status.condition(kind)

    @property
    def ready(self) -> str | None:
        """The status of Ready; None: there is no condition yet."""
        condition = self.condition("Ready")
        return None if condition is None else condition.status

    @property
    def reason(self) -> str | None:
        """The reason of Ready."""
        condition = self.condition("Ready")
        return None if condition is None else condition.reason

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Status and reason of the conditions by type."""
        return {it.type: (it.status, it.reason) for it in self.status.conditions}

    @property
    def judged(self) -> bool:
        """Whether the status is about the current spec."""
        return self.status.observed_generation == self.generation

    @property
    def next_test_in(self) -> float | None:
        """The seconds until nextTestTime."""
        time = from_timestamp(self.status.next_test_time)
        return None if time is None else time - self._world.time()

    @property
    def trigger(self) -> str | None:
        """Of the last test."""
        return self.status.last_test.trigger if self.status.last_test else None

    @property
    def mode(self) -> str | None:
        """Of the last test."""
        return self.status.last_test.mode if self.status.last_test else None

    @property
    def triggers(self) -> list[str]:
        """The triggers of all tests in written statuses, in order."""
        told = [write.status.get("lastTest") or {} for write in self.writes]
        tests = {it["startTime"]: it["trigger"] for it in told if it}
        return [tests[time] for time in sorted(tests)]

    @property
    def runs(self) -> list[Run]:
        """The tests of the object that opened a connection."""
        return [run for run in self._world.runs if run.name == str(self.key)]

    @property
    def writes(self) -> list[StatusWrite]:
        """The written statuses of the object."""
        return [write for write in self._world.writes if write.key == self.key]
