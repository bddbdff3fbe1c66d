# SPDX-License-Identifier: Apache-2.0
"""Times of status: RFC 3339 in UTC."""

from datetime import UTC, datetime


def to_timestamp(seconds: float) -> str:
    """``2026-11-22T21:07:53Z`` of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_precise_timestamp(seconds: float) -> str:
    """The same to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_timestamp(text: str | None) -> float | None:
    """Seconds since the epoch; None where there is no time that can be read."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except ValueError:
        return None
