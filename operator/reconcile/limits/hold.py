# SPDX-License-Identifier: Apache-2.0
"""Say why a test waits for a limit."""

from dataclasses import dataclass

from smtp_operator.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Reason why a test does not start now."""

    reason: Reason
    message: str
    allowed: str
    """Text after ``waits, `` in the summary."""
    until: float | None = None
    """When the test may start, in seconds since the epoch; None: as soon as a slot is free."""

    @property
    def summary(self) -> str:
        """Return the text for ``status.summary``."""
        return f"{self.reason}: waits, {self.allowed}"
