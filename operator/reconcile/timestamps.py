# SPDX-License-Identifier: Apache-2.0
"""Times of status: RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import Final

from smtp_operator.api.timestamps import micro_time, rfc3339

_LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def to_timestamp(seconds: float) -> str:
    """``2026-11-22T21:07:53Z`` of seconds since the epoch."""
    return rfc3339(_utc(seconds))


def to_precise_timestamp(seconds: float) -> str:
    """The same to the microsecond."""
    return micro_time(_utc(seconds))


def from_timestamp(text: str | None) -> float | None:
    """Seconds since the epoch; None where there is no time that can be read."""
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _utc(seconds: float) -> datetime:
    """The nearest time that RFC 3339 can write: a server's certificate may name any."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)
