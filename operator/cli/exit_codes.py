# SPDX-License-Identifier: Apache-2.0
"""Exit codes of the commands that report a verdict: ``smtp-operator check`` and ``kubectl smtp``."""

from typing import Final

from smtp_operator.api.reasons import Retry

PASSED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
TRANSIENT: Final = 3
PASSWORD_UNRESOLVED: Final = 4
INTERRUPTED: Final = 130


def code_of(retry: Retry, *, password_resolved: bool) -> int:
    """Return 0 (passed), 1 (wrong settings), 3 (temporary failure) or 4 (password not resolved)."""
    if retry is Retry.PASSED:
        return PASSED
    if not password_resolved:
        return PASSWORD_UNRESOLVED
    return TRANSIENT if retry.is_transient else FAILED
