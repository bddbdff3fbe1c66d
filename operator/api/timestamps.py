# SPDX-License-Identifier: Apache-2.0
"""Times as the API and our log lines have them: RFC 3339 in UTC."""

from datetime import datetime


def rfc3339(time: datetime, *, timespec: str = "seconds") -> str:
    """``2026-11-22T21:07:53Z`` of a time in UTC; ``timespec`` as ``datetime.isoformat`` has it."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")


def micro_time(time: datetime) -> str:
    """A MicroTime of a time in UTC, ``2026-11-22T21:07:53.000000Z``: exactly six digits."""
    return rfc3339(time, timespec="microseconds")
