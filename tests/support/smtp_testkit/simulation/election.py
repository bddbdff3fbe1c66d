# SPDX-License-Identifier: Apache-2.0
"""Replicas that compete for one Lease."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Final

from smtp_operator.cluster.leader_election import LeaderLease, LeaseLost
from smtp_testkit.simulation.leases import LeaseServer

PATH: Final = "/apis/coordination.k8s.io/v1/namespaces/ops/leases/smtp-operator"


def now() -> float:
    """Return the time of the event loop."""
    return asyncio.get_running_loop().time()


class Replica:
    """A process that waits for the Lease, works while it holds it, and records both."""

    def __init__(self, server: LeaseServer, name: str, clock: Callable[[], float] = now) -> None:
        self.name = name
        self.lease = LeaderLease(server, namespace="ops", name="smtp-operator", identity=name, clock=clock)
        self.worked_from: float | None = None
        self.works = asyncio.Event()
        self.task = asyncio.create_task(self._live(), name=name)

    async def _live(self) -> None:
        await self.lease.acquire()
        self.worked_from = now()
        self.works.set()
        await self.lease.hold()

    async def stop(self) -> None:
        """Stop as with SIGTERM."""
        await self.kill()
        await self.lease.release()

    async def kill(self) -> None:
        """Stop as with kill -9."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def ends(self) -> LeaseLost:
        """The reason why it stopped without a signal."""
        await asyncio.wait([self.task])
        error = self.task.exception()
        assert isinstance(error, LeaseLost)
        return error


class Replicas:
    """A server and its replicas."""

    def __init__(self) -> None:
        self.server = LeaseServer()
        self.replicas: list[Replica] = []
        self._numbers = count(1)

    def start(self, clock: Callable[[], float] = now) -> Replica:
        """Start another replica with this clock."""
        replica = Replica(self.server, f"replica-{next(self._numbers)}", clock)
        self.replicas.append(replica)
        return replica

    async def leader(self) -> Replica:
        """Start a replica and wait until it is the leader; there must be no other one."""
        replica = self.start()
        await replica.works.wait()
        return replica

    @property
    def spec(self) -> dict[str, object]:
        """The spec of the Lease."""
        spec: dict[str, object] = self.server.leases[PATH]["spec"]
        return spec
