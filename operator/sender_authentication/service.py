# SPDX-License-Identifier: Apache-2.0
"""Check senders in the background: a few at a time, shared fairly between namespaces, within a time limit."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from smtp_operator.api.errors import origin
from smtp_operator.fair_slots import FairSlots
from smtp_operator.sender_authentication.checks import check_sender
from smtp_operator.sender_authentication.dns_client import DnsClient, system_resolver
from smtp_operator.sender_authentication.records import DnsFailed, DnsReader
from smtp_operator.sender_authentication.report import Sender, SenderReport, unread

TIME_LIMIT: Final = 10.0
"""Seconds for one check."""
_CHECKS: Final = 16
"""Number of simultaneous checks."""
_CHECKS_OF_NAMESPACE: Final = 4
_FRESH: Final = 30.0
"""Seconds for which a report also answers other objects with the same sender."""

_log: Final = logging.getLogger(__name__)

Done = Callable[[SenderReport], None]


def system_reader() -> DnsReader:
    """Return a reader for the name servers of ``/etc/resolv.conf``.

    Raises:
        DnsFailed: there are none.
    """
    return DnsClient(system_resolver())


class SenderAuthentication:
    """Checks senders. A check never fails, and nothing waits for it."""

    def __init__(
        self,
        reader: Callable[[], DnsReader] = system_reader,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        """``reader`` is called for each check; ``monotonic`` returns seconds."""
        self._reader = reader
        self._monotonic = monotonic
        self._time_limit = time_limit
        self._slots = FairSlots(_CHECKS, _CHECKS_OF_NAMESPACE)
        self._running: dict[tuple[str, Sender], list[Done]] = {}
        """Callbacks by namespace and sender, so that a namespace never waits in the queue of another."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._recent: dict[Sender, tuple[float, SenderReport]] = {}

    def request(self, sender: Sender, namespace: str, done: Done) -> None:
        """Check a sender in the background, and call ``done`` with the report."""
        key = (namespace, sender)
        if key in self._running:
            self._running[key].append(done)
            return
        self._running[key] = [done]
        task = asyncio.create_task(self._answer(sender, namespace), name=f"sender {sender.domain}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def check(self, sender: Sender) -> SenderReport:
        """Return the report about a sender now."""
        try:
            async with asyncio.timeout(self._time_limit):
                return await check_sender(sender, self._reader())
        except TimeoutError:
            return unread(sender, f"The name servers did not answer within {self._time_limit:g} s.")
        except DnsFailed as error:
            return unread(sender, str(error))
        except Exception as error:  # a bug here must not stop what is essential
            _log.error("reading the DNS records of %s failed: %s", sender.domain, origin(error))
            return unread(sender, "The operator could not read the records; its log has the error.")

    def close(self) -> None:
        """Stop all checks."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, sender: Sender, namespace: str) -> None:
        slot = await self._slots.take(namespace)
        try:
            report = self._known(sender)
            if report is None:
                report = await self.check(sender)
                self._recent.pop(sender, None)  # the newest is the last
                self._recent[sender] = (self._monotonic(), report)
        finally:
            slot.release()
            waiting = self._running.pop((namespace, sender))
        for done in waiting:
            done(report)

    def _known(self, sender: Sender) -> SenderReport | None:
        """Return a recent report, and forget the older ones."""
        oldest = self._monotonic() - _FRESH
        while self._recent and next(iter(self._recent.values()))[0] < oldest:
            del self._recent[next(iter(self._recent))]
        known = self._recent.get(sender)
        return None if known is None else known[1]
