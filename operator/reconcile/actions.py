# SPDX-License-Identifier: Apache-2.0
"""The planned actions that all kinds have in common; each kind adds its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefreshStatus:
    """Update status without a test."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until then (seconds since the epoch); None: until something changes."""

    until: float | None

    def until_earlier(self, other: "Wait") -> "Wait":
        """Return the wait that ends first."""
        times = [it.until for it in (self, other) if it.until is not None]
        return Wait(min(times)) if times else self
