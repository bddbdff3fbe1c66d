# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of the attempts to publish for one object. Losing it costs some reads."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

_FIRST_RETRY: Final = 10.0
_LONGEST_RETRY: Final = 3600.0
"""Seconds; a change of anything that the attempt depended on starts the next one at once."""


@dataclass(slots=True)
class PublicationState:
    """Attempts to publish for one object."""

    attempt: Hashable = None
    """The versions that the last failed attempt depended on."""
    failures: int = 0
    retry_at: float = 0.0
    restored_at: float = 0.0
    needs_proof: bool = False
    """Whether the values can only be published after another login."""

    def failed(self, attempt: Hashable, now: float) -> None:
        """Record a failed attempt."""
        self.failures = self.failures + 1 if attempt == self.attempt else 1
        self.attempt = attempt
        self.retry_at = now + min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** (self.failures - 1))

    def succeeded(self) -> None:
        """Record that nothing is left to do."""
        self.attempt, self.failures, self.retry_at, self.needs_proof = None, 0, 0.0, False
