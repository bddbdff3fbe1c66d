# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of a vault object between reconciliations, in addition to its status."""

from dataclasses import dataclass

from smtp_operator.reconcile.state import ObjectState


@dataclass(slots=True)
class VaultState(ObjectState):
    """State of a vault object between reconciliations."""

    recovers: bool = False
    """Whether the next status reports that a failed login works again."""
