# SPDX-License-Identifier: Apache-2.0
"""One of several replicas works at a time: the one that holds a Lease (coordination.k8s.io/v1).

As client-go does it. Nobody compares clocks: whether a holder has stopped renewing is told by one's own
clock, from when the Lease was last seen to change. The times in it are for people to read.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from smtp_operator.api.objects import AccessDenied, ClusterError, JsonObject, ObjectNotFound, RequestRefused
from smtp_operator.api.timestamps import micro_time
from smtp_operator.cluster import paths
from smtp_operator.cluster.client import JSON, Query
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.json_bodies import decoded

_SILENCE: Final = 60.0
"""Seconds without a line after which the standby's watch is begun anew."""

_AFTER_FAILURE: Final = 0.5
"""Seconds after which a renewal that failed is tried again: the term runs on."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTiming:
    """In seconds."""

    duration: float = 15.0
    """Not renewed for that long, a Lease may be taken."""
    renew_deadline: float = 10.0
    """Not renewed for that long, its holder gives up: well before anybody takes it."""
    retry_period: float = 2.0
    """Between two looks at it, and between two renewals."""


class LeaseLost(ClusterError):
    """Another replica may work now, so that this one must not."""


class LeaseApi(Protocol):
    """The API server, as far as a Lease needs it."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        timeout: float = 30.0,
    ) -> JsonObject:
        """The answer's JSON. Raises ClusterError."""
        ...

    def lines(
        self, path: str, *, query: Query, accept: str, silence: float
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lines of a watch. Raises ClusterError."""
        ...


def since_boot() -> float:
    """Seconds; they also pass while the machine or this process sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaderLease:
    """The claim of one process to a Lease: ``acquire`` once, ``hold`` for as long as it works, ``release``.

    Whatever must not be done by two replicas asks ``check`` right before. A claim that was lost stays lost:
    the process has to end.
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
        """Nothing is asked before ``acquire``.

        Args:
            api: the API server.
            namespace: of the Lease.
            name: of the Lease, which need not exist.
            identity: of this process and no other, now or ever.
            timing: the same for all that may hold it.
            clock: seconds from whenever on, never set back.
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
        """As it was last seen or written."""
        self._seen: tuple[JsonObject, float] | None = None
        """What a holder has written, and since when it is unchanged by our clock."""
        self._renewed = 0.0
        """When the last renewal that succeeded was sent."""
        self._held = False
        self._lost: LeaseLost | None = None
        self._told = ""
        self._free = asyncio.Event()
        """The watch has seen that nobody holds it."""
        self._given_up = asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether this process holds it now, as far as it can know."""
        return self._held and self._lost is None and self._left() > 0

    async def acquire(self) -> None:
        """Returns when it is held; until then somebody else works.

        Raises:
            AccessDenied, ObjectNotFound, RequestRefused: it can never be had.
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
        """Renews it until cancelled.

        Raises:
            LeaseLost: somebody else holds it, or may before long.
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
                pass  # check tells
            except LeaseLost:
                raise
            except ClusterError as error:
                self._notify(logging.WARNING, f"the lease {self._place} could not be renewed: {error}")

    def check(self) -> None:
        """Returns if nobody else can hold it.

        Raises:
            LeaseLost: somebody else may.
        """
        if self._lost is not None:
            raise self._lost
        if self._left() <= 0:
            silent = self._clock() - self._renewed
            raise self._lose(f"it was not renewed for {silent:.0f} s")

    async def release(self) -> None:
        """Gives it back, so that others need not wait for it to end; never fails, takes 2 s at most.

        A claim that was lost is left alone.
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
            _log.warning("the lease %s was not given back; others wait %.0f s: %s", self._place, wait, error)
        else:
            _log.info("gave the lease %s back", self._place)

    async def _take(self) -> bool:
        """Whether it is held now."""
        lease = None
        try:
            lease = await self._get()
            if lease is not None and not self._may_be_taken(lease):
                self._notify(logging.INFO, f"stands by: {_holder(lease)} holds the lease {self._place}")
                return False
            await self._write(lease or self._new(), acquired=True)
        except Conflict:
            return False  # another one was faster
        except (AccessDenied, RequestRefused):
            raise
        except ObjectNotFound:
            if lease is None:
                raise  # it is the namespace that does not exist
            return False
        except ClusterError as error:
            self._notify(logging.WARNING, f"stands by: the lease {self._place} could not be had: {error}")
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
        """When the Lease that was seen may be taken, if nobody renews it."""
        if self._seen is None:
            return self._clock()
        spec, since = self._seen
        return since + float(spec.get("leaseDurationSeconds") or self._timing.duration)

    def _pause(self) -> float:
        """Until the next look: soon, and at the moment in which it may be taken."""
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
        """Writes it as ours; a Lease that has changed meanwhile is a Conflict."""
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
        """Only spares the wait until the next look, so that whatever goes wrong does no harm."""
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
        """Seconds for which nobody else can hold it, and some to spare."""
        return self._renewed + self._timing.renew_deadline - self._clock()

    def _lose(self, why: str) -> LeaseLost:
        self._held = False
        self._lost = LeaseLost(
            f"the lease {self._place} is lost: {why}; this replica ends, so that no mail is sent twice"
        )
        self._given_up.set()
        return self._lost

    def _notify(self, level: int, text: str) -> None:
        """Each state once, not at every look."""
        if text != self._told:
            self._told = text
            _log.log(level, "%s", text)


def _holder(lease: JsonObject) -> str:
    """Who holds it; empty: nobody."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _now() -> str:
    return micro_time(datetime.now(UTC))


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        pass
