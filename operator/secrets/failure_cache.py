# SPDX-License-Identifier: Apache-2.0
"""A failure that is everybody's answer for a while, so that it costs no more requests than a success."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import Verdict, VerdictError

HOLD_SECONDS: Final = 10.0
"""Seconds for which nobody asks again, where the other side does not ask for a longer pause."""


class FailureCache:
    """The last failure of one vault, or of one client of a token endpoint."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """``monotonic`` is in seconds from whenever on."""
        self._monotonic = monotonic
        self._verdict: Verdict | None = None
        self._until = 0.0

    @property
    def is_inactive(self) -> bool:
        """Whether there is none, or its time has passed."""
        return self._verdict is None or self._monotonic() >= self._until

    def record(self, verdict: Verdict) -> None:
        """It failed so just now."""
        self._verdict = verdict
        self._until = self._monotonic() + max(HOLD_SECONDS, verdict.retry_after or 0.0)

    def raise_if_active(self) -> None:
        """Raises VerdictError while it holds, with what is left of the pause."""
        if self._verdict is None or self.is_inactive:
            return
        left, verdict = self._until - self._monotonic(), self._verdict
        raise VerdictError(verdict if verdict.retry_after is None else replace(verdict, retry_after=left))

    def clear(self) -> None:
        """It has succeeded since."""
        self._verdict = None
