# SPDX-License-Identifier: Apache-2.0
"""Times of the API and of log lines: RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import Final


def rfc3339(time: datetime, *, timespec: str = "seconds") -> str:
    """Return ``2026-11-22T21:07:53Z`` for a time in UTC; ``timespec`` as in ``datetime.isoformat``."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")


def micro_time(time: datetime) -> str:
    """Return a MicroTime for a time in UTC, ``2026-11-22T21:07:53.000000Z``: exactly six digits."""
    return rfc3339(time, timespec="microseconds")


_LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def to_timestamp(seconds: float) -> str:
    """Return text such as ``2026-11-22T21:07:53Z`` for seconds since the epoch."""
    return rfc3339(_utc(seconds))


def to_precise_timestamp(seconds: float) -> str:
    """Return the same with microseconds."""
    return micro_time(_utc(seconds))


def from_timestamp(text: str | None) -> float | None:
    """Return seconds since the epoch; None if the text is missing or not a time."""
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _utc(seconds: float) -> datetime:
    """Return the nearest time that RFC 3339 can express; a server's certificate may contain any time."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)
