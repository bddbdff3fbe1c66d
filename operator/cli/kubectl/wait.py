# SPDX-License-Identifier: Apache-2.0
"""Asks for tests, and waits for their verdicts: ``kubectl smtp test``."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from smtp_operator.api.objects import ApiUnavailable, ClusterError, ObjectKey, ObjectNotFound
from smtp_operator.cli.exit_codes import TRANSIENT, USAGE
from smtp_operator.cli.kubectl.client import SmtpConfigClient
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot, short_time
from smtp_operator.cluster.errors import Conflict
from smtp_operator.cluster.versions import is_newer
from smtp_operator.reconcile.backoff import REQUEST_SPACING
from smtp_operator.reconcile.timestamps import from_timestamp

_AT_A_TIME: Final = 8
_PATIENCE: Final = 20.0
"""Seconds without any sign of a test after which the user is told where to look."""


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """What became of a request: the SmtpConfig with its verdict, or why there is none."""

    config: ConfigSnapshot
    problem: str = ""
    code: int = USAGE

    @property
    def exit_code(self) -> int:
        """Of the verdict, or of the problem."""
        return self.code if self.problem else self.config.exit_code


class ProgressListener(Protocol):
    """Is told how it goes."""

    def waits(self, config: ConfigSnapshot) -> None:
        """A test was asked for, or is in another phase than before."""

    def answered(self, answer: TestAnswer) -> None:
        """One request is answered."""

    def hears_nothing(self) -> None:
        """There was no sign of any test for a while."""


@dataclass(slots=True)
class _Request:
    config: ConfigSnapshot
    """As it was seen last; first as it was right after it was asked."""
    answers: set[str]
    """Values of the annotation that count as ours: a test that was asked for later tells as much."""


class TestRequests:
    """One test for each of some SmtpConfigs."""

    def __init__(self, configs: SmtpConfigClient, teller: ProgressListener) -> None:
        self._configs = configs
        self._teller = teller
        self._pending: dict[ObjectKey, _Request] = {}
        self._answers: list[TestAnswer] = []

    async def run(
        self, targets: Sequence[ConfigSnapshot], version: str, *, timeout: float
    ) -> list[TestAnswer]:
        """Asks for all of them, and waits at most ``timeout`` seconds; one answer for each, sorted.

        Args:
            targets: whom to ask for.
            version: resourceVersion of the list that they are from.
            timeout: in seconds.
        """
        value = datetime.now(UTC).isoformat(timespec="microseconds")
        patience = asyncio.get_running_loop().call_later(_PATIENCE, self._teller.hears_nothing)
        try:
            async with asyncio.timeout(timeout):
                turns = asyncio.Semaphore(_AT_A_TIME)
                await asyncio.gather(*(self._ask(it, value, turns) for it in targets))
                async with aclosing(self._configs.followed(targets, version)) as changes:
                    while self._pending:
                        change = await anext(changes)
                        if request := self._pending.get(change.config.key):
                            self._hear(request, change.config, gone=change.gone)
                        if self._answers or any(it.config.under_test for it in self._pending.values()):
                            patience.cancel()
        except TimeoutError:
            for request in list(self._pending.values()):
                self._answer(TestAnswer(request.config, _too_late(request.config, timeout), TRANSIENT))
        finally:
            patience.cancel()
        return sorted(self._answers, key=lambda it: it.config.key)

    async def _ask(self, config: ConfigSnapshot, value: str, turns: asyncio.Semaphore) -> None:
        async with turns:
            try:
                asked = await self._configs.ask(config, value)
            except (ObjectNotFound, Conflict):
                self._answer(TestAnswer(config, "it was deleted before it could be tested"))
                return
            except ApiUnavailable as error:
                self._answer(TestAnswer(config, f"the API server does not answer: {error}", TRANSIENT))
                return
            except ClusterError as error:
                self._answer(TestAnswer(config, f"the test cannot be asked for: {error}"))
                return
        self._pending[config.key] = _Request(asked, {value})
        self._teller.waits(asked)

    def _hear(self, request: _Request, config: ConfigSnapshot, *, gone: bool) -> None:
        if gone or config.uid != request.config.uid:
            self._answer(TestAnswer(request.config, "it was deleted before its test had ended"))
            return
        if is_newer(request.config.version, config.version):
            return  # the watch still tells of what was before the request
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
            self._teller.waits(config)

    def _answer(self, answer: TestAnswer) -> None:
        self._pending.pop(answer.config.key, None)
        self._answers.append(answer)
        self._teller.answered(answer)


def wait_before_test(config: ConfigSnapshot, now: float) -> str:
    """Why a test that was asked for does not come at once; empty: it does."""
    last = config.status.last_test
    started = from_timestamp(last.start_time) if last is not None else None
    if started is None or config.under_test or not 0 <= now - started < REQUEST_SPACING:
        return ""
    return f"comes {short_time(REQUEST_SPACING)} after the last one"


def _withdrawn(config: ConfigSnapshot) -> str:
    to = "was removed" if config.request is None else "was set back"
    return f"somebody took the request back: its annotation {to}, maybe by a GitOps controller"


def _too_late(config: ConfigSnapshot, timeout: float) -> str:
    text = f"no verdict within {short_time(timeout)}"
    if config.under_test:
        return f"{text}: its test is under way" + (f", in phase {config.phase}" if config.phase else "")
    return f"{text}. Is the operator running, and does it serve namespace {config.key.namespace}?"
