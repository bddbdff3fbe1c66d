# SPDX-License-Identifier: Apache-2.0
"""The words for what a reply means: what happened, why, and which field to set to which value."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason, Retry


@dataclass(frozen=True, slots=True)
class Advice:
    """Words for one cause; ``{server}``, ``{sender}`` and so on are facts of the context."""

    reason: Reason
    what: str
    why: str = ""
    fix: str = ""
    retry: Retry | None = None
    """None: as the reason says."""


GENERIC: Final = Advice(Reason.COMMAND_REJECTED, "{server} refused the command")
