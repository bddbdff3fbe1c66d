# SPDX-License-Identifier: Apache-2.0
"""Count the requests to vaults by provider and outcome, without labels from user input."""

from collections.abc import Callable
from typing import Protocol

from smtp_operator.network.https import HttpsRequest, HttpsResponse, HttpsSender


class VaultObserver(Protocol):
    """Receives every request to a vault; must neither block nor fail."""

    def vault_called(self, provider: str, outcome: str, seconds: float) -> None:
        """Record a request: ``ok``, ``refused``, ``throttled``, ``failed`` or ``unreachable``."""
        ...


class CountingSender:
    """Sends with another sender and reports the outcomes."""

    def __init__(
        self, sender: HttpsSender, *, provider: str, observer: VaultObserver, monotonic: Callable[[], float]
    ) -> None:
        """``provider`` is the name of its block in the spec, such as ``hashiCorpVault``."""
        self._sender = sender
        self._provider = provider
        self._observer = observer
        self._monotonic = monotonic

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """Send with the other sender; return its answer or raise its error."""
        started = self._monotonic()
        outcome = "unreachable"
        try:
            answer = await self._sender.send(request)
            outcome = outcome_of(answer.status)
            return answer
        finally:
            self._observer.vault_called(self._provider, outcome, self._monotonic() - started)


def outcome_of(status: int) -> str:
    """Return the outcome of an HTTP status; redirects count as ``refused``, since none is followed."""
    if 200 <= status < 300:
        return "ok"
    if status == 429:
        return "throttled"
    return "failed" if status >= 500 else "refused"
