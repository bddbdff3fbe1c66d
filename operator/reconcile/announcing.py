# SPDX-License-Identifier: Apache-2.0
"""What status says of a test while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Phase, Trigger
from smtp_operator.reconcile.conditions import under_test
from smtp_operator.reconcile.defects import origin
from smtp_operator.reconcile.interfaces import Now
from smtp_operator.reconcile.plan import RunTest
from smtp_operator.reconcile.view import View

_EVERY: Final = 1.0
"""A test is announced only once it takes longer than most; its phase once a second at most."""

_log: Final = logging.getLogger(__name__)

WriteStatus = Callable[[View, SmtpConfigStatus], Awaitable[str | None]]


class Announcer:
    """Announces one test. ``view`` is the object with what was announced last."""

    def __init__(self, view: View, test: RunTest, *, write: WriteStatus, now: Now) -> None:
        self.view = view
        self._requested = test.trigger is Trigger.REQUESTED
        self._write = write
        self._now = now
        self._phase: Phase | None = None
        self._ended = asyncio.Event()

    def entered(self, phase: Phase) -> None:
        """The test has come to this phase."""
        self._phase = phase

    def end(self) -> None:
        """The test is over: ``run`` returns as soon as nothing is being written."""
        self._ended.set()

    async def run(self) -> None:
        """Says once that settings without a verdict are under test; of a requested test, in which phase."""
        if self.view.judged and not self._requested:
            return
        told: Phase | None = None
        announced = False
        while not await self._over():
            if announced and self._phase is told:
                continue
            told = self._phase
            status = under_test(self.view, phase=told if self._requested else None, now=self._now())
            try:
                version = await self._write(self.view, status)
            except Exception as error:  # the verdict matters, not this
                _log.debug("%s: its test was not announced: %s", self.view.key, origin(error))
                return
            if version is None:
                return
            tested = replace(self.view.tested, resource_version=version)
            self.view = replace(self.view, tested=tested, status=status)
            announced = True
            if not self._requested:
                return

    async def _over(self) -> bool:
        try:
            async with asyncio.timeout(_EVERY):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True
