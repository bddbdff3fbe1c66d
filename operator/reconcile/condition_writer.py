# SPDX-License-Identifier: Apache-2.0
"""Build the conditions (metav1.Condition) of all our kinds."""

from dataclasses import dataclass
from typing import Literal

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.status import Condition, ObjectStatus
from smtp_operator.api.timestamps import to_timestamp
from smtp_operator.api.verdict import Verdict, cut


@dataclass(frozen=True, slots=True)
class ConditionWriter:
    """Build conditions that keep their transition time while their status stays the same."""

    before: ObjectStatus
    generation: int
    now: float
    """Seconds since the epoch."""

    def condition(
        self, kind: str, status: Literal["True", "False", "Unknown"], reason: str, message: str
    ) -> Condition:
        """Return a condition of this generation."""
        before = self.before.condition(kind)
        stays = before is not None and before.status == status
        return Condition(
            type=kind,
            status=status,
            observed_generation=self.generation,
            last_transition_time=before.last_transition_time if before and stays else to_timestamp(self.now),
            reason=str(reason),
            message=cut(message),
        )

    def failed(self, verdict: Verdict) -> list[Condition]:
        """Return Ready=False and the matching Failed=True."""
        return [
            self.condition("Ready", "False", verdict.reason, verdict.message),
            self.condition("Failed", "True", verdict.reason, verdict.message),
        ]

    def reconciling_and_stalled(self, verdict: Verdict, *, stalls: bool) -> Condition:
        """Return the condition that says what a failure waits for: a change, a dependency or a retry."""
        if stalls:
            return self.condition("Stalled", "True", verdict.reason, verdict.message)
        reason = Reason.PROGRESSING_WITH_RETRY
        if verdict.retry is Retry.DEPENDENCY:
            reason = Reason.WAITING_FOR_DEPENDENCY
        return self.condition("Reconciling", "True", reason, verdict.message)

    def kept(self, *kinds: str) -> list[Condition]:
        """Return existing conditions, updated to this generation."""
        found = (self.before.condition(kind) for kind in kinds)
        return [
            it.model_copy(update={"observed_generation": self.generation}) for it in found if it is not None
        ]
