# SPDX-License-Identifier: Apache-2.0
"""Times of the API and of log lines: RFC 3339 in UTC."""

from datetime import datetime


def rfc3339(time: datetime, *, timespec: str = "seconds") -> str:
    """Return ``2026-11-22T21:07:53Z`` for a time in UTC; ``timespec`` as in ``datetime.isoformat``."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")


def micro_time(time: datetime) -> str:
    """Return a MicroTime for a time in UTC, ``2026-11-22T21:07:53.000000Z``: exactly six digits."""
    return rfc3339(time, timespec="microseconds")
