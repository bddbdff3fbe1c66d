# SPDX-License-Identifier: Apache-2.0
"""What status says of a test while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Self

from smtp_operator.api.objects import ObjectVersion
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Trigger
from smtp_operator.reconcile.internal_errors import origin
from smtp_operator.reconcile.ports import Now
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.status import under_test

_EVERY: Final = 1.0
"""A test is announced only once it takes longer than most; its phase once a second at most."""

_log: Final = logging.getLogger(__name__)

WriteStatus = Callable[[ObjectVersion, SmtpConfigStatus], Awaitable[str | None]]


class ProgressReporter:
    """Announces one test while it is run in this context. Most end before there is anything to say.

    ``view`` is the object with what was announced last.
    """

    def __init__(self, view: Snapshot, test: RunTest, *, write: WriteStatus, now: Now) -> None:
        self.view = view
        self._requested = test.trigger is Trigger.REQUESTED
        self._write = write
        self._now = now
        self._phase: Phase | None = None
        self._told: Phase | None = None
        self._announced = False
        self._timer: asyncio.TimerHandle | None = None
        self._announcing: asyncio.Task[None] | None = None

    def entered(self, phase: Phase) -> None:
        """The test has come to this phase."""
        self._phase = phase

    async def __aenter__(self) -> Self:
        if self._requested or not self.view.has_verdict:
            self._wait()
        return self

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Waits for what is being written, unless the test was broken off."""
        self._stop_waiting()
        if self._announcing is None:
            return
        try:
            if failed is None:
                await self._announcing
        finally:
            self._announcing.cancel()
            self._stop_waiting()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_EVERY, self._begin)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        self._announcing = asyncio.create_task(self._report(), name=f"announce {self.view.key}")

    async def _report(self) -> None:
        """Says once that settings without a verdict are under test; of a requested test, in which phase."""
        if self._announced and self._phase is self._told:
            self._wait()
            return
        self._told = self._phase
        status = under_test(self.view, phase=self._told if self._requested else None, now=self._now())
        try:
            version = await self._write(self.view.version, status)
        except Exception as error:  # the verdict matters, not this
            _log.debug("%s: its test was not announced: %s", self.view.key, origin(error))
            return
        if version is None:
            return
        tested = replace(self.view.version, resource_version=version)
        self.view = replace(self.view, version=tested, status=status)
        self._announced = True
        if self._requested:
            self._wait()
