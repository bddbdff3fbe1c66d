# SPDX-License-Identifier: Apache-2.0
"""Creation of verdicts. A step that cannot continue raises ``DialogueEnded`` with a verdict."""

from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Suggestion, Verdict
from smtp_operator.smtp.diagnosis.messages import NO_WORDS, compose
from smtp_operator.smtp.quotation import Quotation


class DialogueEnded(Exception):
    """End the test with ``verdict``."""

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
    """Return a verdict with a composed message. ``retry`` None: use the value from the table of reasons."""
    return Verdict(
        reason=reason,
        message=compose(what, phase=phase, said=said, why=why, fix=fix),
        retry=retry or REASONS[reason].retry,
        phase=phase,
        reply=reply,
        retry_after=retry_after,
        suggestion=suggestion,
    )
