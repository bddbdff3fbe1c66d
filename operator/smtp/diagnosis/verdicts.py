# SPDX-License-Identifier: Apache-2.0
"""How verdicts are made and handed up: a step that cannot go on raises ``Ended`` with one."""

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Suggestion, Verdict
from smtp_operator.smtp.diagnosis.messages import NO_WORDS, compose
from smtp_operator.smtp.quotation import Quotation


class DialogueEnded(Exception):
    """The test is over; ``verdict`` says how."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def verdict(
    reason: Reason,
    what: str,
    *,
    why: str = "",
    fix: str = "",
    phase: Phase | None = None,
    said: Quotation = NO_WORDS,
    reply: str = "",
    retry: Retry | None = None,
    retry_after: float | None = None,
    suggestion: Suggestion | None = None,
) -> Verdict:
    """A verdict with its message put together; ``retry`` None is what the reason's table says."""
    return Verdict(
        reason=reason,
        message=compose(what, phase=phase, said=said, why=why, fix=fix),
        retry=retry or REASONS[reason].retry,
        phase=phase,
        reply=reply,
        retry_after=retry_after,
        suggestion=suggestion,
    )
