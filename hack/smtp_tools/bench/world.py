# SPDX-License-Identifier: Apache-2.0
"""The environment: one API server, mail servers, and the two sides that take turns."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self
from zlib import crc32

from smtp_tools.bench import ours, peer
from smtp_tools.bench.api import Api, Object, VerdictWatch
from smtp_tools.bench.audit import AuditLog
from smtp_tools.bench.errors import BenchError
from smtp_tools.bench.mail import MailProcess
from smtp_tools.bench.usage import cpu_seconds
from smtp_tools.localcluster import LocalCluster
from smtp_tools.localcluster.processes import Process

VERDICT_SECONDS = 120.0
SETTLE_SECONDS = 60
QUIET_SECONDS = 1.0
QUIET_TIMES = 2
QUIET_CPU = 0.02
WARM_UP = "warm-up"


def say(message: str) -> None:
    """Report progress."""
    print(message, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Side:
    """A controller and its objects.

    Attributes:
        name: the name of its objects.
        user: its user on the API server.
        collection: the path of its objects.
        namespace: namespace of the objects and their Secrets.
        command: starts it.
        item: returns an object.
        secrets: returns Secrets for objects of these names.
        verdict: returns the verdict in an object's status, or None.
    """

    name: str
    user: str
    collection: str
    namespace: str
    command: list[str | Path]
    item: Callable[[str], Object]
    secrets: Callable[[list[str]], list[Object]]
    verdict: Callable[[Object], str | None]


class World:
    """Starts parts when they are needed; a context manager that stops them."""

    def __init__(self, objects: int, smtp_type: str, servers: int) -> None:
        """Prepare so many objects per side, with so many mail servers for SmtpConfigs."""
        self.servers = servers
        self.names = [f"bench-{number:05}" for number in range(objects)]
        self.smtp_type = smtp_type
        self._stack = ExitStack()
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def cluster(self) -> LocalCluster:
        """The control plane."""
        say("Starting the control plane.")
        return self._stack.enter_context(LocalCluster.start())

    @cached_property
    def api(self) -> Api:
        """The API server."""
        return Api(self.cluster.url, self.cluster.ca_file, self.cluster.admin_token)

    @cached_property
    def audit(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.cluster.audit_log)

    @cached_property
    def mail(self) -> MailProcess:
        """The mail servers."""
        return self._stack.enter_context(MailProcess(self.cluster.directory, [0.0] * self.servers))

    @cached_property
    def issuers(self) -> Side:
        """cert-manager, with its Secrets in place."""
        command = peer.command(self._account(peer.NAMESPACE, peer.ACCOUNT, create=True))
        self._apply(peer.definition())
        self.cluster.kubectl("wait", "--for=condition=Established", "crd/issuers.cert-manager.io")
        return self._furnished(
            Side(
                name="Issuer",
                user=f"system:serviceaccount:{peer.NAMESPACE}:{peer.ACCOUNT}",
                collection=peer.COLLECTION,
                namespace=peer.NAMESPACE,
                command=command,
                item=peer.issuer,
                secrets=peer.secrets,
                verdict=peer.verdict,
            )
        )

    @cached_property
    def smtp_configs(self) -> Side:
        """The operator, with its Secrets in place."""
        # One by one, because the folder of the CustomResourceDefinitions also has other files.
        for file in sorted([*ours.DEFINITIONS.glob("*.yaml"), *ours.MANIFESTS.glob("*.yaml")]):
            self._apply(file)
        self.cluster.kubectl("wait", "--for=condition=Established", "crd/smtpconfigs.smtp-operator.io")
        account_namespace, account = ours.service_account()
        self._namespace(ours.NAMESPACE)
        authority = {"metadata": {"name": "mail-ca"}, "data": {"ca.crt": self.mail.ca_pem}}
        self.api.request("POST", f"/api/v1/namespaces/{ours.NAMESPACE}/configmaps", authority)
        return self._furnished(
            Side(
                name="SmtpConfig",
                user=f"system:serviceaccount:{account_namespace}:{account}",
                collection=ours.COLLECTION,
                namespace=ours.NAMESPACE,
                command=ours.command(self._account(account_namespace, account)),
                item=lambda name: ours.smtp_config(name, self.smtp_type, self._port_for(name)),
                secrets=ours.secrets,
                verdict=ours.verdict,
            )
        )

    def start(self, side: Side, *flags: str | Path) -> Process:
        """Start one side with these additional flags; do not wait until it is ready."""
        self._starts += 1
        home = self.cluster.directory / "home"
        log = self.cluster.directory / f"{side.name}-{self._starts}.log"
        environment = {"PATH": os.defpath, "HOME": str(home)}
        process = Process(
            [*side.command, *flags], name=f"the {side.name} side", log=log, environment=environment
        )
        say(f"  The {side.name} side runs as process {process.pid}.")
        return process

    def create(
        self,
        side: Side,
        names: list[str],
        process: Process,
        *,
        meanwhile: Callable[[], object] = lambda: None,
        seconds: float = VERDICT_SECONDS,
    ) -> VerdictWatch:
        """Create objects at once, call ``meanwhile``, and wait until each object has its verdict.

        Raises:
            BenchError: an object has no verdict, or is not ready.
        """
        items = [side.item(name) for name in names]
        with VerdictWatch(self.api, side.collection, set(names), side.verdict) as watch:
            self.api.create(side.collection, items)
            meanwhile()
            try:
                watch.wait(seconds, lambda: process.exited() is None)
            except BenchError as error:
                raise BenchError(f"{side.name}: {error}\n{process.described()}") from None
        bad = {name: said for name, said in watch.verdicts.items() if said != "True"}
        if bad:
            name, said = next(iter(bad.items()))
            raise BenchError(f"{len(bad)} of {len(names)} {side.name}s failed; {name}: {said}")
        return watch

    def clear(self, side: Side) -> None:
        """Delete all objects and Events of a side."""
        self.api.delete_all(side.collection)
        self.api.delete_all(f"/api/v1/namespaces/{side.namespace}/events")

    def settle(self, process: Process, seconds: int = SETTLE_SECONDS) -> None:
        """Wait until the process is idle.

        Raises:
            BenchError: it is still busy after so many seconds.
        """
        spent, quiet = cpu_seconds(process.pid), 0
        for _ in range(seconds):
            time.sleep(QUIET_SECONDS)
            before, spent = spent, cpu_seconds(process.pid)
            quiet = quiet + 1 if spent - before <= QUIET_CPU else 0
            if quiet == QUIET_TIMES:
                return
        raise BenchError(f"{process.name} does not come to rest: {process.described()}")

    def _furnished(self, side: Side) -> Side:
        names = [*self.names, WARM_UP]
        say(f"Creating {len(names):,} Secrets for {side.name}s.")
        self.api.create(f"/api/v1/namespaces/{side.namespace}/secrets", side.secrets(names))
        return side

    def _account(self, namespace: str, name: str, *, create: bool = False) -> Path:
        if create:
            self._namespace(namespace)
            self.cluster.kubectl("create", "serviceaccount", name, f"--namespace={namespace}")
            role = ["--clusterrole=cluster-admin", f"--serviceaccount={namespace}:{name}"]
            self.cluster.kubectl("create", "clusterrolebinding", name, *role)
        return self.cluster.kubeconfig_for_service_account(namespace, name)

    def _port_for(self, name: str) -> int:
        """Return the port for a name, always the same one."""
        ports = self.mail.ports[self.smtp_type]
        return ports[crc32(name.encode()) % len(ports)]

    def _namespace(self, name: str) -> None:
        self.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def _apply(self, file: Path) -> None:
        self.cluster.kubectl("apply", "--server-side", "-f", str(file))
