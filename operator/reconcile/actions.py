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
