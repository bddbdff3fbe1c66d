# SPDX-License-Identifier: Apache-2.0
"""Cache a failure for a short time, so that failures cause no more requests than successes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import Verdict, VerdictError

HOLD_SECONDS: Final = 10.0
"""Seconds that a failure is cached, unless the server asks for a longer pause."""


class FailureCache:
    """The last failure of one vault, or of one client of a token endpoint."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """``monotonic`` returns seconds of a monotonic clock."""
        self._monotonic = monotonic
        self._verdict: Verdict | None = None
        self._until = 0.0

    @property
    def is_inactive(self) -> bool:
        """Return whether there is no failure, or it has expired."""
        return self._verdict is None or self._monotonic() >= self._until

    def record(self, verdict: Verdict) -> None:
        """Record a failure as of now."""
        self._verdict = verdict
        self._until = self._monotonic() + max(HOLD_SECONDS, verdict.retry_after or 0.0)

    def raise_if_active(self) -> None:
        """Raise the cached VerdictError with the remaining pause, unless inactive."""
        if self._verdict is None or self.is_inactive:
            return
        left, verdict = self._until - self._monotonic(), self._verdict
        raise VerdictError(verdict if verdict.retry_after is None else replace(verdict, retry_after=left))

    def clear(self) -> None:
        """Forget the failure after a success."""
        self._verdict = None
