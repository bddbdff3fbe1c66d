# SPDX-License-Identifier: Apache-2.0
"""How long to wait before the API server is asked again."""

from collections.abc import Iterator
from random import SystemRandom

from smtp_operator.api.objects import ClusterError

_spread = SystemRandom()


def growing_delays(first: float = 0.5, longest: float = 30.0) -> Iterator[float]:
    """Seconds: each about twice the one before, spread by half so that many askers do not come at once."""
    delay = first
    while True:
        yield delay * _spread.uniform(0.75, 1.25)
        delay = min(longest, delay * 2)


def at_least(delay: float, error: ClusterError) -> float:
    """The delay, or what the API server asked for where that is longer."""
    asked: float | None = getattr(error, "retry_after", None)
    return delay if asked is None else max(delay, asked)
