# SPDX-License-Identifier: Apache-2.0
"""Verdicts on bugs of the operator, and pauses after failed requests to the API server."""

from typing import Final

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.api.verdict import Verdict

_API_PAUSE: Final = 5.0
_DENIED_PAUSE: Final = 60.0
_REFUSED_PAUSE: Final = 600.0

_PAUSE_AFTER_BUG: Final = 60.0
_LONGEST_PAUSE: Final = 3600.0
# A bug that shows after the email was sent would send another one at each retry, so the pause doubles.


def pause_after(error: ClusterError) -> float:
    """Return the seconds until a failed request to the API server is retried."""
    if isinstance(error, ApiUnavailable):
        return max(_API_PAUSE, error.retry_after or 0.0)
    return _DENIED_PAUSE if isinstance(error, AccessDenied) else _REFUSED_PAUSE


def pause_after_bug(failures: int) -> float:
    """Return the seconds until an object is reconciled again after so many internal errors in a row."""
    return min(_PAUSE_AFTER_BUG * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE)


def internal_error(when: str) -> Verdict:
    """Return the verdict on a test that failed with a bug; ``when`` such as ``before it connected``."""
    return Verdict(
        reason=Reason.INTERNAL_ERROR,
        message=f"The operator failed with an unexpected error {when}; its log has the details."
        " No action needed; the operator retries automatically.",
        retry=REASONS[Reason.INTERNAL_ERROR].retry,
    )
