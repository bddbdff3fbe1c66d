# SPDX-License-Identifier: Apache-2.0
"""Waits for conditions that have no event."""

import time
from collections.abc import Callable

from smtp_testkit.testbed.api import PATIENCE

_POLL_SECONDS = 0.05


def until(condition: Callable[[], bool], complaint: str, *, seconds: float = PATIENCE) -> None:
    """Poll until a condition holds.

    Raises:
        AssertionError: it did not hold within so many seconds; the text is the complaint.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(_POLL_SECONDS)
