# SPDX-License-Identifier: Apache-2.0
"""One replica works, the others stand by: whose turn it is."""

import socket
from collections.abc import Mapping
from uuid import uuid4

from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.leader_election import Lease
from smtp_operator.handlers.lifecycle import Operation
from smtp_operator.settings import Settings


def lease_of(settings: Settings, client: KubernetesClient, environment: Mapping[str, str]) -> Lease | None:
    """The claim of this process; None without ``--leader-elect``."""
    if not settings.leader_elect:
        return None
    host = environment.get("POD_NAME") or socket.gethostname()
    return Lease(
        client,
        namespace=settings.lease_namespace or environment.get("POD_NAMESPACE") or client.access.namespace,
        name=settings.lease_name,
        identity=f"{host}_{uuid4()}",  # another one after each start: a Pod keeps its name
    )


class Duty:
    """What this process does at the moment, for probes and metrics."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.stands_by = False
        self.operation: Operation | None = None

    def leads(self) -> bool:
        """Whether it does the work."""
        return self.operation is not None and (self.lease is None or self.lease.held)

    def is_ready(self) -> bool:
        """Whether it works, or would at once if it had to."""
        return self.stands_by if self.operation is None else self.operation.ready

    def trouble(self) -> str | None:
        """What a restart would mend; None: nothing."""
        return None if self.operation is None else self.operation.trouble()
