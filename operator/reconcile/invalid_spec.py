# SPDX-License-Identifier: Apache-2.0
"""The verdict on a spec that violates a validation rule, although the API server accepted it."""

from pydantic import ValidationError

from smtp_operator.api.fields import spec_problems
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Verdict, cut


class InvalidSpecError(Exception):
    """The spec violates a rule, although the API server accepted it, for example with an older CRD."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message)
        self.verdict = verdict


def invalid_spec(error: ValidationError) -> Verdict:
    """Return the verdict on a spec that violates a rule, although the API server accepted it."""
    problems = "; ".join(spec_problems(error))
    message = f"The spec is invalid: {problems}. Correct it. Also apply this release's CRDs, so that"
    return Verdict(
        reason=Reason.INVALID_SPEC,
        message=cut(f"{message} the API server rejects such a spec."),
        retry=Retry.CONFIGURATION,
    )
