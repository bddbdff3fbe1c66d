# SPDX-License-Identifier: Apache-2.0
"""The operator's values for fields that a SmtpConfig leaves out; flags set them."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.verdict import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDefaults:
    """Values for ``recheck.interval``, ``recheck.mode`` and ``test.timeout``; durations as written."""

    recheck_interval: str = "1h"
    recheck_mode: Mode = Mode.LOGIN
    test_timeout: str = "45s"


TEST_DEFAULTS: Final = TestDefaults()
"""The values without flags."""
