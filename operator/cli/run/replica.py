# SPDX-License-Identifier: Apache-2.0
"""One replica works, the others stand by: whose turn it is."""

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
    """The claim of this process; None without ``--leader-elect``."""
    if not settings.leader_elect:
        return None
    host = environment.get("POD_NAME") or socket.gethostname()
    return LeaderLease(
        client,
        namespace=settings.lease_namespace or environment.get("POD_NAMESPACE") or client.access.namespace,
        name=settings.lease_name,
        identity=f"{host}_{uuid4()}",  # another one after each start: a Pod keeps its name
    )


class ReplicaState:
    """What this process does at the moment, for probes and metrics."""

    def __init__(self) -> None:
        self.lease: LeaderLease | None = None
        self.is_standby = False
        self.operation: OperatorLifecycle | None = None

    def leads(self) -> bool:
        """Whether it does the work."""
        return self.operation is not None and (self.lease is None or self.lease.held)

    def is_ready(self) -> bool:
        """Whether it works, or would at once if it had to."""
        return self.is_standby if self.operation is None else self.operation.ready

    def failed_part(self) -> str | None:
        """What a restart would mend; None: nothing."""
        return None if self.operation is None else self.operation.failed_part()
