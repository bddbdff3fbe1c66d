# SPDX-License-Identifier: Apache-2.0
"""Retry classes of verdicts."""

from enum import StrEnum
from typing import Final


class Retry(StrEnum):
    """The retry class of a verdict. The delays are in ``reconcile/backoff.py``."""

    PASSED = "Passed"
    """Passed: the next test runs after ``recheck.interval``."""
    TRANSIENT = "Transient"
    """The cause may disappear: retried with growing delays."""
    TRANSIENT_THEN_CONFIGURATION = "TransientThenConfiguration"
    """Treated as Transient for five attempts, then as Configuration: no server is starting there."""
    SLOW = "Slow"
    """The cause may disappear, but frequent attempts make it worse (rate limits, lockouts)."""
    GREYLISTED = "Greylisted"
    """The server asked the client to retry later (RFC 6647, RFC 5321 section 4.5.4.1)."""
    UNKNOWN_DELIVERY = "UnknownDelivery"
    """The server may have accepted the email: not sent again before the next recheck."""
    CONFIGURATION = "Configuration"
    """Retried after a change of spec or of an object that spec names."""
    POLICY = "Policy"
    """A policy of the mail server refuses; treated as Configuration."""
    AUTHENTICATION = "Authentication"
    """The same password is tried at most once a day: more attempts may lock the account."""
    DENIED = "Denied"
    """A system outside the cluster refuses. A fix there is not visible to the operator, so it retries."""
    DEPENDENCY = "Dependency"
    """An object that spec names does not exist yet. The test runs as soon as the object is created."""

    @property
    def is_transient(self) -> bool:
        """Return whether the cause may disappear without a change of settings."""
        return self in _TRANSIENT


_TRANSIENT: Final = frozenset(
    {
        Retry.TRANSIENT,
        Retry.TRANSIENT_THEN_CONFIGURATION,
        Retry.SLOW,
        Retry.GREYLISTED,
        Retry.UNKNOWN_DELIVERY,
    }
)
