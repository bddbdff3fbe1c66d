# SPDX-License-Identifier: Apache-2.0
"""Elect one of several replicas: the one that holds a Lease (coordination.k8s.io/v1) works.

The election works like that of client-go. Clocks are never compared: each replica measures on its own clock
how long the Lease has not changed. The times in the Lease are for people to read.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from smtp_operator.api.errors import AccessDenied, ClusterError, ObjectNotFound, RequestRefused
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.timestamps import micro_time
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import JSON, Query
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.json_bodies import decoded

_SILENCE: Final = 60.0
"""Seconds without a line after which the standby restarts its watch."""

_AFTER_FAILURE: Final = 0.5
"""Seconds until a failed renewal is retried: the term runs on."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """Hold the timing of a Lease, in seconds."""

    duration: float = 15.0
    """Another replica may take the Lease if it was not renewed for that long."""
    renew_deadline: float = 10.0
    """The holder gives up if it could not renew for that long: well before another replica may work."""
    retry_period: float = 2.0
    """Time between two reads by a standby, and between two renewals by the holder."""


class LeaseLost(ClusterError):
    """Another replica may work now, so this one must not."""


class LeaseApi(Protocol):
    """Requests to the API server that a Lease needs."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
    ) -> JsonObject:
        """Return the response as JSON. Raises ClusterError."""
        ...

    def lines(
        self, path: str, *, query: Query, accept: str, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a watch and return its lines. Raises ClusterError."""
        ...


def since_boot() -> float:
    """Return the seconds since boot, which include the time in which the machine or this process sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaderLease:
    """Hold a Lease for one process: ``acquire`` once, ``hold`` while it works, then ``release``.

    Code that two replicas must not run calls ``check`` right before. A lost Lease is never acquired again:
    the process must stop.
    """

    def __init__(
        self,
        api: LeaseApi,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: LeaseTiming | None = None,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        """Create a claim to a Lease; no request is sent before ``acquire``.

        Args:
            api: the API server.
            namespace: of the Lease.
            name: of the Lease, which need not exist.
            identity: unique to this process, now and forever.
            timing: the same for all replicas.
            clock: monotonic seconds.
        """
        self._api = api
        self._collection = paths.leases(namespace)
        self._path = f"{self._collection}/{name}"
        self._name = name
        self._identity = identity
        self._timing = timing or LeaseTiming()
        self._clock = clock
        self._place = f"{namespace}/{name}"
        self._lease: JsonObject = {}
        """The Lease as last read or written."""
        self._seen: tuple[JsonObject, float] | None = None
        """The spec as last read, and since when it is unchanged, on our clock."""
        self._renewed = 0.0
        """When the last successful renewal was sent."""
        self._held = False
        self._lost: LeaseLost | None = None
        self._last_logged = ""
        self._free = asyncio.Event()
        """Set when the watch has seen that the Lease has no holder."""
        self._given_up = asyncio.Event()

    @property
    def held(self) -> bool:
        """Return whether this process holds the Lease now, as far as it can know."""
        return self._held and self._lost is None and self._left() > 0

    async def acquire(self) -> None:
        """Return when this process holds the Lease; until then another replica works.

        Raises:
            AccessDenied, ObjectNotFound, RequestRefused: the Lease can never be acquired.
        """
        if await self._take():
            return
        watching = asyncio.create_task(self._watch(), name=f"watch of lease {self._place}")
        try:
            while True:
                await _within(self._pause(), self._free)
                self._free.clear()
                if await self._take():
                    return
        finally:
            watching.cancel()

    async def hold(self) -> None:
        """Renew the Lease until cancelled.

        Raises:
            LeaseLost: another replica holds the Lease, or may soon.
        """
        pause = self._timing.retry_period
        while True:
            await _within(min(pause, self._left()), self._given_up)
            self.check()
            pause = _AFTER_FAILURE
            try:
                async with asyncio.timeout(self._left()):
                    await self._renew()
                pause = self._timing.retry_period
            except TimeoutError:
                pass  # check() raises
            except LeaseLost:
                raise
            except ClusterError as error:
                self._notify(logging.WARNING, f"the lease {self._place} was not renewed: {error}")

    def check(self) -> None:
        """Return if no other replica can hold the Lease.

        Raises:
            LeaseLost: another replica may hold it.
        """
        if self._lost is not None:
            raise self._lost
        if self._left() <= 0:
            silent = self._clock() - self._renewed
            raise self._lose(f"it was not renewed for {silent:.0f} s")

    async def release(self) -> None:
        """Release the Lease, so that others need not wait until it expires. Never fails; takes 2 s at most.

        A lost Lease is left alone.
        """
        if self._lost is not None:
            return
        self._held = False
        try:
            lease = await self._api.request("GET", self._path, timeout=1.0)
            if _holder(lease) != self._identity:
                return
            spec = {name: value for name, value in lease["spec"].items() if name != "holderIdentity"}
            spec |= {"leaseDurationSeconds": 1, "renewTime": _now()}
            await self._api.request("PUT", self._path, body=lease | {"spec": spec}, timeout=1.0)
        except ObjectNotFound:
            pass
        except ClusterError as error:
            wait = self._timing.duration
            _log.warning("the lease %s was not released; others wait %.0f s: %s", self._place, wait, error)
        else:
            _log.info("released the lease %s", self._place)

    async def _take(self) -> bool:
        """Try to take the Lease; return whether this process holds it now."""
        lease = None
        try:
            lease = await self._get()
            if lease is not None and not self._may_be_taken(lease):
                self._notify(logging.INFO, f"stands by: {_holder(lease)} holds the lease {self._place}")
                return False
            await self._write(lease or self._new(), acquired=True)
        except Conflict:
            return False  # another replica was faster
        except (AccessDenied, RequestRefused):
            raise
        except ObjectNotFound:
            if lease is None:
                raise  # the namespace does not exist
            return False
        except ClusterError as error:
            self._notify(logging.WARNING, f"stands by: the lease {self._place} was not acquired: {error}")
            return False
        self._held = True
        self._notify(logging.INFO, f"works: holds the lease {self._place} as {self._identity}")
        return True

    def _may_be_taken(self, lease: JsonObject) -> bool:
        spec = lease.get("spec") or {}
        if self._seen is None or self._seen[0] != spec:
            self._seen = (spec, self._clock())
        return _holder(lease) in ("", self._identity) or self._clock() >= self._expires()

    def _expires(self) -> float:
        """Return when the Lease may be taken if its holder does not renew it."""
        if self._seen is None:
            return self._clock()
        spec, since = self._seen
        return since + float(spec.get("leaseDurationSeconds") or self._timing.duration)

    def _pause(self) -> float:
        """Return the seconds until the next read: soon, and at the latest when the Lease may be taken."""
        expires = self._expires() - self._clock()
        return min(self._timing.retry_period, expires) if expires > 0 else self._timing.retry_period

    async def _renew(self) -> None:
        try:
            await self._write(self._lease)
        except (Conflict, ObjectNotFound):
            lease = await self._get()
            if lease is not None and _holder(lease) not in ("", self._identity):
                raise self._lose(f"{_holder(lease)} holds it now") from None
            await self._write(lease or self._new(), acquired=lease is None)
        self._notify(logging.INFO, f"works: holds the lease {self._place} as {self._identity}")

    async def _get(self) -> JsonObject | None:
        try:
            return await self._api.request("GET", self._path, timeout=self._timing.renew_deadline / 2)
        except ObjectNotFound:
            return None

    def _new(self) -> JsonObject:
        namespace = self._place.partition("/")[0]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": namespace, "name": self._name},
        }

    async def _write(self, lease: JsonObject, *, acquired: bool = False) -> None:
        """Write the Lease as ours; raise Conflict if it has changed meanwhile."""
        sent = self._clock()
        spec = dict(lease.get("spec") or {})
        if acquired:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + ("spec" in lease)
            spec["acquireTime"] = _now()
        spec |= {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._timing.duration),
            "renewTime": _now(),
        }
        exists = "resourceVersion" in lease["metadata"]
        self._lease = await self._api.request(
            "PUT" if exists else "POST",
            self._path if exists else self._collection,
            body=lease | {"spec": spec},
            timeout=self._timing.renew_deadline / 2,
        )
        self._renewed = sent

    async def _watch(self) -> None:
        """Watch for the release of the Lease. The watch only shortens a wait, so its errors do no harm."""
        query = [("fieldSelector", f"metadata.name={self._name}"), ("watch", "true")]
        while True:
            try:
                async with self._api.lines(
                    self._collection, query=query, accept=JSON, silence=_SILENCE
                ) as lines:
                    async for line in lines:
                        event = decoded(line)
                        if event["type"] == "DELETED" or not _holder(event["object"]):
                            self._free.set()
            except (ClusterError, ValueError, KeyError) as error:
                _log.debug("the watch of the lease %s broke: %s", self._place, error)
            await asyncio.sleep(self._timing.retry_period)

    def _left(self) -> float:
        """Return for how many seconds no other replica can take the Lease, with a margin."""
        return self._renewed + self._timing.renew_deadline - self._clock()

    def _lose(self, why: str) -> LeaseLost:
        self._held = False
        self._lost = LeaseLost(
            f"the lease {self._place} is lost: {why}; this replica stops, so that no email is sent twice"
        )
        self._given_up.set()
        return self._lost

    def _notify(self, level: int, text: str) -> None:
        """Log each state once, not at every read."""
        if text != self._last_logged:
            self._last_logged = text
            _log.log(level, "%s", text)


def _holder(lease: JsonObject) -> str:
    """Return the holder's identity; empty if there is no holder."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _now() -> str:
    return micro_time(datetime.now(UTC))


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        pass
