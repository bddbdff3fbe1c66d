# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp test``: requests tests and waits for their verdicts."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError, ObjectNotFound
from smtp_operator.api.objects import ObjectKey, is_newer
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.cli.exit_codes import TRANSIENT, USAGE
from smtp_operator.cli.kubectl.client import SmtpConfigClient
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot, short_time
from smtp_operator.cluster.errors import Conflict
from smtp_operator.reconcile.backoff import REQUEST_SPACING

CONCURRENT_REQUESTS: Final = 8
HINT_AFTER: Final = 20.0
"""Seconds without a started test after which a hint is shown."""


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """The result of a request: the SmtpConfig with its verdict, or the problem that prevented one."""

    config: ConfigSnapshot
    problem: str = ""
    code: int = USAGE

    @property
    def exit_code(self) -> int:
        """The exit code of the verdict, or of the problem."""
        return self.code if self.problem else self.config.exit_code


class ProgressListener(Protocol):
    """Receives the progress of the requests."""

    def requested(self, config: ConfigSnapshot) -> None:
        """A test was requested, or entered another phase."""

    def answered(self, answer: TestAnswer) -> None:
        """A request has its answer."""

    def no_test_started(self) -> None:
        """No test has started for some time."""


@dataclass(slots=True)
class _Request:
    config: ConfigSnapshot
    """The last known state; at first, that from right after the request."""
    answers: set[str]
    """Accepted values of the annotation: the result of a later request is as good."""


class TestRequests:
    """Requests one test for each selected SmtpConfig."""

    def __init__(self, configs: SmtpConfigClient, listener: ProgressListener) -> None:
        self._configs = configs
        self._listener = listener
        self._pending: dict[ObjectKey, _Request] = {}
        self.denied: dict[ObjectKey, str] = {}
        """SmtpConfigs of which the user may not request a test, and why; they have no answer."""
        self._answers: list[TestAnswer] = []

    async def run(
        self, targets: Sequence[ConfigSnapshot], version: str, *, timeout: float
    ) -> list[TestAnswer]:
        """Request the tests and wait; return an answer for each SmtpConfig that is not in ``denied``, sorted.

        Args:
            targets: the SmtpConfigs to test.
            version: resourceVersion of the list that contained them.
            timeout: the maximum time to wait, in seconds.
        """
        value = datetime.now(UTC).isoformat(timespec="microseconds")
        hint = asyncio.get_running_loop().call_later(HINT_AFTER, self._listener.no_test_started)
        try:
            async with asyncio.timeout(timeout):
                slots = asyncio.Semaphore(CONCURRENT_REQUESTS)
                await asyncio.gather(*(self._request_test(it, value, slots) for it in targets))
                async with aclosing(self._configs.watch_configs(targets, version)) as changes:
                    while self._pending:
                        change = await anext(changes)
                        if request := self._pending.get(change.config.key):
                            self._on_change(request, change.config, deleted=change.deleted)
                        if self._answers or any(it.config.under_test for it in self._pending.values()):
                            hint.cancel()
        except TimeoutError:
            for request in list(self._pending.values()):
                self._answer(TestAnswer(request.config, too_late(request.config, timeout), TRANSIENT))
        finally:
            hint.cancel()
        return sorted(self._answers, key=lambda it: it.config.key)

    async def _request_test(self, config: ConfigSnapshot, value: str, slots: asyncio.Semaphore) -> None:
        async with slots:
            try:
                requested = await self._configs.request_test(config, value)
            except (ObjectNotFound, Conflict):
                self._answer(TestAnswer(config, "it was deleted before its test was requested"))
                return
            except ApiUnavailable as error:
                self._answer(TestAnswer(config, f"the API server does not answer: {error}", TRANSIENT))
                return
            except AccessDenied as error:
                self.denied[config.key] = f"the test cannot be requested: {error}"
                return
            except ClusterError as error:
                self._answer(TestAnswer(config, f"the test cannot be requested: {error}"))
                return
        self._pending[config.key] = _Request(requested, {value})
        self._listener.requested(requested)

    def _on_change(self, request: _Request, config: ConfigSnapshot, *, deleted: bool) -> None:
        if deleted or config.uid != request.config.uid:
            self._answer(TestAnswer(request.config, "it was deleted before its test finished"))
            return
        if is_newer(request.config.version, config.version):
            return  # an event from before the request
        before, request.config = request.config, config
        if config.status.last_handled_test_request in request.answers:
            self._answer(TestAnswer(config))
            return
        if config.request_pending and config.request is not None:
            request.answers.add(config.request)
        elif not config.under_test:
            self._answer(TestAnswer(config, _withdrawn(config), TRANSIENT))
            return
        if config.phase != before.phase:
            self._listener.requested(config)

    def _answer(self, answer: TestAnswer) -> None:
        self._pending.pop(answer.config.key, None)
        self._answers.append(answer)
        self._listener.answered(answer)


def wait_before_test(config: ConfigSnapshot, now: float) -> str:
    """Return why a requested test does not start immediately; empty if it does."""
    last = config.status.last_test
    started = from_timestamp(last.start_time) if last is not None else None
    if started is None or config.under_test or not 0 <= now - started < REQUEST_SPACING:
        return ""
    return f"starts {short_time(REQUEST_SPACING)} after the last one"


def _withdrawn(config: ConfigSnapshot) -> str:
    change = "was removed" if config.request is None else "was reset"
    return f"the request was withdrawn: its annotation {change}, possibly by a GitOps controller"


def too_late(config: ConfigSnapshot, timeout: float) -> str:
    """Return that there was no verdict in time, and what to check."""
    text = f"no verdict within {short_time(timeout)}"
    if config.under_test:
        return f"{text}: its test is still running" + (f", in phase {config.phase}" if config.phase else "")
    return f"{text}. Is the operator running, and does it serve namespace {config.key.namespace}?"
