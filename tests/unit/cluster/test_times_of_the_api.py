# SPDX-License-Identifier: Apache-2.0
"""The API server takes a MicroTime with exactly six digits."""

from datetime import UTC, datetime

import pytest

from smtp_operator.api.timestamps import micro_time


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [
        (0, "2026-11-22T21:07:53.000000Z"),
        (5, "2026-11-22T21:07:53.000005Z"),
        (999_999, "2026-11-22T21:07:53.999999Z"),
    ],
)
def test_a_time_has_six_digits(microsecond: int, text: str) -> None:
    assert micro_time(datetime(2026, 11, 22, 21, 7, 53, microsecond, tzinfo=UTC)) == text
