# SPDX-License-Identifier: Apache-2.0
"""Compute delays between retries of requests to the API server."""

from collections.abc import Iterator
from random import SystemRandom

from smtp_operator.api.errors import ClusterError

_spread = SystemRandom()


def growing_delays(first: float = 0.5, longest: float = 30.0) -> Iterator[float]:
    """Yield delays in seconds, each about twice the one before, with jitter so that clients do not align."""
    delay = first
    while True:
        yield delay * _spread.uniform(0.75, 1.25)
        delay = min(longest, delay * 2)


def at_least(delay: float, error: ClusterError) -> float:
    """Return the delay, or the Retry-After of the API server if that is longer."""
    retry_after: float | None = getattr(error, "retry_after", None)
    return delay if retry_after is None else max(delay, retry_after)
