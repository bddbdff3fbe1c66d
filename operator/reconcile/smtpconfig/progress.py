# SPDX-License-Identifier: Apache-2.0
"""Report a running test in status."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Self

from smtp_operator.api.errors import origin
from smtp_operator.api.objects import ObjectVersion
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Trigger
from smtp_operator.reconcile.ports import Now
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.status import under_test

_INTERVAL: Final = 1.0
"""Seconds after which a running test is reported; its phase is reported once a second at most."""

_log: Final = logging.getLogger(__name__)

WriteStatus = Callable[[ObjectVersion, SmtpConfigStatus], Awaitable[str | None]]


class ProgressReporter:
    """Report the progress of one test while it runs in this context. Most tests end before the first report.

    ``snapshot`` is the object with the status that was reported last.
    """

    def __init__(self, snapshot: Snapshot, test: RunTest, *, write: WriteStatus, now: Now) -> None:
        self.snapshot = snapshot
        self._test = test
        self._requested = test.trigger is Trigger.REQUESTED
        self._started = now()
        self._write = write
        self._now = now
        self._phase: Phase | None = None
        self._reported_phase: Phase | None = None
        self._reported = False
        self._timer: asyncio.TimerHandle | None = None
        self._reporting: asyncio.Task[None] | None = None

    def entered(self, phase: Phase) -> None:
        """Record that the test has entered this phase."""
        self._phase = phase

    async def __aenter__(self) -> Self:
        if self._requested or not self.snapshot.has_verdict:
            self._wait()
        return self

    async def finish(self) -> None:
        """Report nothing more; return when a running write has ended."""
        await self.__aexit__(None)

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Wait for a running write, unless the test was cancelled."""
        self._stop_waiting()
        if self._reporting is None:
            return
        try:
            if failed is None:
                await self._reporting
        finally:
            self._reporting.cancel()
            self._stop_waiting()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_INTERVAL, self._start_report)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _start_report(self) -> None:
        self._reporting = asyncio.create_task(self._report(), name=f"report progress of {self.snapshot.key}")

    async def _report(self) -> None:
        """Report settings without a verdict once, and a requested test with each phase."""
        if self._reported and self._phase is self._reported_phase:
            self._wait()
            return
        self._reported_phase = self._phase
        status = under_test(
            self.snapshot,
            self._test,
            phase=self._reported_phase if self._requested else None,
            started=self._started,
            now=self._now(),
        )
        try:
            version = await self._write(self.snapshot.version, status)
        except Exception as error:  # only the verdict is essential
            _log.debug("%s: the progress of its test was not written: %s", self.snapshot.key, origin(error))
            return
        if version is None:
            return
        written = replace(self.snapshot.version, resource_version=version)
        self.snapshot = replace(self.snapshot, version=written, status=status)
        self._reported = True
        if self._requested:
            self._wait()
