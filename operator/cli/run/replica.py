# SPDX-License-Identifier: Apache-2.0
"""Leader election: one replica works, the others are on standby."""

import socket
from collections.abc import Mapping
from uuid import uuid4

from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.leader_election import LeaderLease
from smtp_operator.handlers.lifecycle import OperatorLifecycle
from smtp_operator.settings import Settings


def lease_of(
    settings: Settings, client: KubernetesClient, environment: Mapping[str, str]
) -> LeaderLease | None:
    """Return the lease of this process; None without ``--leader-elect``."""
    if not settings.leader_elect:
        return None
    host = environment.get("POD_NAME") or socket.gethostname()
    return LeaderLease(
        client,
        namespace=settings.lease_namespace or environment.get("POD_NAMESPACE") or client.access.namespace,
        name=settings.lease_name,
        identity=f"{host}_{uuid4()}",  # new at each start, since a restarted Pod keeps its name
    )


class ReplicaState:
    """The current state of this process, for probes and metrics."""

    def __init__(self) -> None:
        self.lease: LeaderLease | None = None
        self.is_standby = False
        self.operation: OperatorLifecycle | None = None

    def leads(self) -> bool:
        """Return whether this process is the active replica."""
        return self.operation is not None and (self.lease is None or self.lease.held)

    def is_ready(self) -> bool:
        """Return whether the process works, or is on standby and could start immediately."""
        return self.is_standby if self.operation is None else self.operation.ready

    def failed_part(self) -> str | None:
        """Return the failed component that a restart would fix; None if there is none."""
        return None if self.operation is None else self.operation.failed_part()
