# SPDX-License-Identifier: Apache-2.0
"""Convert the times of status: RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import Final

from smtp_operator.api.timestamps import micro_time, rfc3339

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
