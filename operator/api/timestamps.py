# SPDX-License-Identifier: Apache-2.0
"""Times of the API and of log lines: RFC 3339 in UTC."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final


def rfc3339(at: datetime, *, timespec: str = "seconds") -> str:
    """Return ``2026-11-22T21:07:53Z`` for a time in UTC; ``timespec`` as in ``datetime.isoformat``."""
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")


def micro_time(at: datetime) -> str:
    """Return a MicroTime for a time in UTC, ``2026-11-22T21:07:53.000000Z``: exactly six digits."""
    return rfc3339(at, timespec="microseconds")


_SECONDS: Final = "%Y-%m-%dT%H:%M:%SZ"
_LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


@lru_cache(maxsize=64)  # most times of one status are the same
def to_timestamp(seconds: float) -> str:
    """Return text such as ``2026-11-22T21:07:53Z`` for seconds since the epoch."""
    return time.strftime(_SECONDS, time.gmtime(round(_expressible(seconds), 6)))


def to_precise_timestamp(seconds: float) -> str:
    """Return the same with microseconds."""
    return micro_time(datetime.fromtimestamp(_expressible(seconds), UTC))


def from_timestamp(text: str | None) -> float | None:
    """Return seconds since the epoch; None if the text is missing or not a time."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _expressible(seconds: float) -> float:
    """Return the nearest time that RFC 3339 can express; a server's certificate may contain any time."""
    return min(max(seconds, 0.0), _LATEST)
