# SPDX-License-Identifier: Apache-2.0
"""Look for an email in its mailbox until it arrives or its time is over, in the background.

A watch delays neither tests nor changes of its object. It reports what it finds to the object's state, and
the next reconciliation writes it. Only then does the watch delete the email, so that no result is lost.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.errors import ClusterError, origin
from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Retry
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.imap.request import FoundEmail, MailboxReport
from smtp_operator.reconcile.ports import Now
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.delivery.settings import deadline, sent_at
from smtp_operator.reconcile.smtpconfig.delivery.state import DeliveryState, Finding
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 300.0
_GROWTH: Final = 1.5
_WAIT: Final = 60.0
"""Seconds for which one look waits for the email, if the server offers IDLE."""
_SEEN_AT_ONCE: Final = 3.0
"""If the look before was so recent, an email that a look finds has just arrived."""
_TRIES_TO_DELETE: Final = 3
_STATUS_WRITTEN: Final = 600.0

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Result of one look, and the objects that its login needed."""

    report: MailboxReport
    read: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)


LookOnce = Callable[[Snapshot, DeliveryState, float, bool], Awaitable[Look]]
"""Looks for the last email of a snapshot; waits so many seconds for it; deletes it if True.

Raises:
    ClusterError: a credential could not be read now.
"""


async def findings(
    snapshot: Snapshot, own: DeliveryState, look_once: LookOnce, *, now: Now
) -> AsyncIterator[Finding]:
    """Yield what looks find: each change of the result, and at last one that has ended."""
    status, end = snapshot.status.delivery, deadline(snapshot)
    assert status is not None
    message_id = status.message_id or ""
    last, pause, failing = sent_at(status) or now(), _FIRST_PAUSE, False
    while True:
        started = now()
        try:
            look = await look_once(snapshot, own, max(0.0, min(_WAIT, end - started)), False)
        except ClusterError as error:
            _log.warning("%s: its mailbox is not read now: %s", snapshot.key, error)
            look = None
        ended = now()
        if look is not None:
            report = look.report
            if report.found is not None:
                arrived = _arrival(report.found, last=last, seen=ended)
                yield Finding(
                    message_id=message_id, at=ended, ended=True, found=report.found, arrived=arrived
                )
                return
            over, failure = ended >= end, report.failure
            over = over or bool(report.bounce) or (failure is not None and _ends(failure.retry))
            if over or failing or failure is not None:
                yield Finding(
                    message_id=message_id,
                    at=ended,
                    ended=over,
                    bounce=report.bounce,
                    failure=failure,
                    read=look.read,
                )
            if over:
                return
            failing = failure is not None
            last = last if failing else started
        await asyncio.sleep(max(0.0, min(pause, end - now())) if now() < end else pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _ends(retry: Retry) -> bool:
    """Return whether a failure ends the watch: a rejected login must not be repeated."""
    return retry is Retry.AUTHENTICATION


def _arrival(found: FoundEmail, *, last: float, seen: float) -> float:
    """Return when the email arrived: as the receiver recorded it, if no look was near."""
    if found.live or seen - last <= _SEEN_AT_ONCE:
        return seen
    return min(max(found.arrived, last), seen)


@dataclass(slots=True)
class _Watch:
    message_id: str
    generation: int
    task: asyncio.Task[None]
    written: asyncio.Event


class Watcher:
    """The watches of one process, at most one for each object."""

    def __init__(
        self,
        look_once: LookOnce,
        *,
        now: Now,
        found: Callable[[float, str], None],
        enqueue: Callable[[Reference], None],
    ) -> None:
        """Create a watcher; ``found`` receives the latency in seconds and the folder of each found email."""
        self._look_once = look_once
        self._now = now
        self._found = found
        self._enqueue = enqueue
        self._watches: dict[Reference, _Watch] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def watched(self, reference: Reference, generation: int) -> str | None:
        """Return the Message-ID that is looked for with this generation of the spec; None: there is none."""
        watch = self._watches.get(reference)
        running = watch is not None and watch.generation == generation and not watch.task.done()
        return watch.message_id if watch is not None and running else None

    def start(self, snapshot: Snapshot, own: DeliveryState) -> None:
        """Start to look for the last email of this object."""
        reference = snapshot.version.reference
        self.stop(reference)
        assert snapshot.status.delivery is not None
        message_id, written = snapshot.status.delivery.message_id or "", asyncio.Event()
        task = asyncio.create_task(
            self._watch(snapshot, own, written), name=f"look for the email of {snapshot.key}"
        )
        self._watches[reference] = _Watch(message_id, snapshot.generation, task, written)

    def stop(self, reference: Reference) -> None:
        """Stop looking."""
        watch = self._watches.pop(reference, None)
        if watch is not None:
            watch.task.cancel()
            self._leaving.add(watch.task)
            watch.task.add_done_callback(self._leaving.discard)

    def written(self, reference: Reference) -> None:
        """Record that status has the result: the email may be deleted."""
        watch = self._watches.get(reference)
        if watch is not None:
            watch.written.set()

    async def close(self) -> None:
        """Stop all watches."""
        for reference in list(self._watches):
            self.stop(reference)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _watch(self, snapshot: Snapshot, own: DeliveryState, written: asyncio.Event) -> None:
        NAMESPACE.set(snapshot.key.namespace)
        reference = snapshot.version.reference
        try:
            async for finding in findings(snapshot, own, self._look_once, now=self._now):
                own.finding = finding
                if finding.read:
                    own.baselines = finding.read
                self._enqueue(reference)
                if finding.found is not None:
                    latency = finding.arrived - (sent_at(snapshot.status.delivery) or finding.arrived)
                    self._found(max(0.0, latency), str(finding.found.folder))
                    await self._delete(snapshot, own, written)
        except Exception as error:  # a bug in one watch must not stop the others
            _log.error("looking for the email of %s failed: %s", snapshot.key, origin(error))
            await asyncio.sleep(_LONGEST_PAUSE)
        finally:
            self._enqueue(reference)

    async def _delete(self, snapshot: Snapshot, own: DeliveryState, written: asyncio.Event) -> None:
        """Delete the email once its result is in status."""
        assert snapshot.spec.delivery is not None
        if snapshot.spec.delivery.mailbox.keep:
            return
        async with asyncio.timeout(_STATUS_WRITTEN):
            await written.wait()
        why = ""
        for _ in range(_TRIES_TO_DELETE):
            try:
                look = await self._look_once(snapshot, own, 0.0, True)
            except ClusterError as error:
                why = str(error)
            else:
                left = look.report.found.left if look.report.found is not None else ""
                if look.report.failure is None and not left:
                    return
                why = left or str(look.report.failure and look.report.failure.reason)
            await asyncio.sleep(_LONGEST_PAUSE)
        _log.warning("%s: its email remains in the mailbox: %s", snapshot.key, why)
