# SPDX-License-Identifier: Apache-2.0
"""Counts the requests that go to vaults, by provider and outcome and by nothing that a user wrote."""

from collections.abc import Callable
from typing import Protocol

from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.secrets.vaults.provider import VaultSender


class VaultObserver(Protocol):
    """Is told of every request to a vault. It neither waits nor fails."""

    def vault_called(self, provider: str, outcome: str, seconds: float) -> None:
        """A request ended: ``ok``, ``refused``, ``throttled``, ``failed`` or ``unreachable``."""
        ...


class CountingSender:
    """Sends by another sender, and tells how it went."""

    def __init__(
        self, sender: VaultSender, *, provider: str, observer: VaultObserver, monotonic: Callable[[], float]
    ) -> None:
        """``provider`` is the name of its block in the spec, such as ``hashiCorpVault``."""
        self._sender = sender
        self._provider = provider
        self._observer = observer
        self._monotonic = monotonic

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """The answer, whatever its status; raises as the other sender does."""
        started = self._monotonic()
        outcome = "unreachable"
        try:
            answer = await self._sender.send(request)
            outcome = outcome_of(answer.status)
            return answer
        finally:
            self._observer.vault_called(self._provider, outcome, self._monotonic() - started)


def outcome_of(status: int) -> str:
    """What an HTTP status counts as; a redirect, which nobody follows, is as good as a refusal."""
    if 200 <= status < 300:
        return "ok"
    if status == 429:
        return "throttled"
    return "failed" if status >= 500 else "refused"
