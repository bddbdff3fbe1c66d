# SPDX-License-Identifier: Apache-2.0
"""Cache failures for a short time, so that failures cause no more requests than successes."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import Verdict, VerdictError

HOLD_SECONDS: Final = 8.0
"""Seconds that a failure is cached, unless the server asks for a longer pause. Less than the spacing of
requested tests, so that such a test does not repeat the failure of the test before it."""
LONGEST_WAIT: Final = 600.0
"""Maximum seconds of a pause that a server asks for."""
_MOST: Final = 1024
"""Failures that are cached at most; the oldest is dropped."""


class FailureCache:
    """The last failure of each key."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """``monotonic`` returns seconds of a monotonic clock."""
        self._monotonic = monotonic
        self._failures: dict[Hashable, tuple[Verdict, float]] = {}
        """Each failure, and until when it is cached."""

    def record(self, key: Hashable, verdict: Verdict) -> None:
        """Record a failure as of now."""
        now = self._monotonic()
        self._failures = {it: held for it, held in self._failures.items() if now < held[1] and it != key}
        if len(self._failures) >= _MOST:
            del self._failures[next(iter(self._failures))]
        self._failures[key] = verdict, now + max(HOLD_SECONDS, verdict.retry_after or 0.0)

    def raise_if_active(self, key: Hashable) -> None:
        """Raise the cached VerdictError of this key with the remaining pause, unless it has expired."""
        if key not in self._failures:
            return
        verdict, until = self._failures[key]
        left = until - self._monotonic()
        if left > 0:
            raise VerdictError(verdict if verdict.retry_after is None else replace(verdict, retry_after=left))

    def clear(self, key: Hashable) -> None:
        """Forget the failure after a success."""
        self._failures.pop(key, None)
