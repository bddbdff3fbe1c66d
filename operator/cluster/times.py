# SPDX-License-Identifier: Apache-2.0
"""Times of the API."""

from datetime import datetime


def micro_time(time: datetime) -> str:
    """A MicroTime of a time in UTC, ``2026-11-22T21:07:53.000000Z``: exactly six digits."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
