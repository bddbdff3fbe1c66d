# SPDX-License-Identifier: Apache-2.0
"""With which code a command ends that tells a verdict: ``smtp-operator check``, ``kubectl smtp``."""

from typing import Final

from smtp_operator.api.reasons import Retry

PASSED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
TRANSIENT: Final = 3
PASSWORD_UNRESOLVED: Final = 4
INTERRUPTED: Final = 130

_MAY_PASS: Final = frozenset(
    {
        Retry.TRANSIENT,
        Retry.TRANSIENT_THEN_CONFIGURATION,
        Retry.SLOW,
        Retry.GREYLISTED,
        Retry.UNKNOWN_DELIVERY,
    }
)


def code_of(retry: Retry, *, password_resolved: bool) -> int:
    """0 passed, 1 failed by configuration, 3 failed in a way that may pass, 4 password not resolved."""
    if retry is Retry.PASSED:
        return PASSED
    if not password_resolved:
        return PASSWORD_UNRESOLVED
    return TRANSIENT if retry in _MAY_PASS else FAILED
