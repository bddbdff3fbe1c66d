# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp test`` with SmtpTests: runs each once, and reports its verdict."""

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from smtp_operator.api.errors import ApiUnavailable, ClusterError
from smtp_operator.api.objects import ObjectKey
from smtp_operator.cli.exit_codes import INTERRUPTED, TRANSIENT, USAGE
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.smtp_tests import RunningSmtpTest, SmtpTestRequest, running
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cli.kubectl.wait import (
    CONCURRENT_REQUESTS,
    HINT_AFTER,
    ProgressListener,
    TestAnswer,
    too_late,
)
from smtp_operator.cli.streams import write
from smtp_operator.cluster.client import KubernetesClient

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedConfig:
    """A SmtpConfig to test by a SmtpTest."""

    key: ObjectKey
    request: SmtpTestRequest
    denied: str = ""
    """Why the user cannot request a test of the SmtpConfig itself; empty: that was not tried."""

    @property
    def server(self) -> str:
        """The mail server; empty if only the SmtpConfig of the cluster names it."""
        settings = self.request.spec.get("settings") or {}
        return str(settings.get("server", ""))


class SmtpTestRuns:
    """Runs SmtpTests."""

    def __init__(
        self,
        client: KubernetesClient,
        listener: ProgressListener,
        *,
        timeout: float,
        warn: Callable[[str], None],
    ) -> None:
        """Prepare the runs; ``timeout`` is the maximum time to wait for the verdicts, in seconds."""
        self._client = client
        self._listener = listener
        self._timeout = timeout
        self._warn = warn
        self._latest: dict[ObjectKey, ConfigSnapshot] = {}
        self._hint: asyncio.TimerHandle | None = None

    async def run(self, configs: Sequence[TestedConfig]) -> list[TestAnswer]:
        """Test all; return one answer for each, sorted by namespace and name."""
        self._latest = {it.key: ConfigSnapshot.unread(it.key, it.server) for it in configs}
        self._hint = asyncio.get_running_loop().call_later(HINT_AFTER, self._listener.no_test_started)
        slots = asyncio.Semaphore(CONCURRENT_REQUESTS)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(it, slots)) for it in configs]
        finally:
            self._hint.cancel()
        return sorted((it.result() for it in tasks), key=lambda it: it.config.key)

    async def _answer(self, tested: TestedConfig, slots: asyncio.Semaphore) -> TestAnswer:
        async with slots:
            problem, code = await self._problem(tested)
        answer = TestAnswer(self._latest[tested.key], problem, code)
        self._listener.answered(answer)
        return answer

    async def _problem(self, tested: TestedConfig) -> tuple[str, int]:
        """Run a test; return why it has no verdict, and the exit code; empty if it has one."""
        text, code = "", USAGE
        try:
            async with running(self._client, tested.request, warn=self._warn) as test:
                try:
                    async with asyncio.timeout(self._timeout):
                        await self._follow(test, tested)
                except TimeoutError:
                    return too_late(self._latest[tested.key], self._timeout), TRANSIENT
        except PluginFailed as error:
            text, code = str(error), error.exit_code
        except ApiUnavailable as error:
            return f"the API server does not answer: {error}", TRANSIENT
        except ClusterError as error:
            text = f"it cannot be tested by a SmtpTest: {error}"
        return (f"{tested.denied}; {text}" if text and tested.denied else text), code

    async def _follow(self, test: RunningSmtpTest, tested: TestedConfig) -> None:
        async with aclosing(test.states()) as states:
            async for object_ in states:
                before = self._latest[tested.key]
                config = ConfigSnapshot.of_smtp_test(object_, tested.key, tested.server)
                self._latest[tested.key] = config
                if self._hint is not None and (config.under_test or config.passed is not None):
                    self._hint.cancel()
                if config.passed is None and _progress(before) != _progress(config):
                    self._listener.requested(config)


async def uninterrupted(runs: Coroutine[Any, Any, _T]) -> _T:
    """Await the runs. Ctrl-C, SIGTERM and SIGHUP cancel them, and what they created is deleted first.

    Raises:
        PluginFailed: they were cancelled.
    """
    task = asyncio.ensure_future(runs)

    def stop() -> None:
        if not task.cancelling():
            task.cancel()
        else:  # another signal must not stop the deletion
            write(sys.stderr, "kubectl smtp: the SmtpTest is being deleted; this takes a minute at most\n")

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP, nohup ignores it
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                with contextlib.suppress(NotImplementedError):  # Windows
                    asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        raise PluginFailed(
            "interrupted; the SmtpTest is deleted, and an email that was not yet sent is not sent",
            INTERRUPTED,
        ) from None


def _progress(config: ConfigSnapshot) -> tuple[object, ...]:
    return config.smtp_test, config.phase, config.held
