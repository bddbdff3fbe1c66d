# SPDX-License-Identifier: Apache-2.0
"""Keep what the process knows of the delivery of one SmtpConfig, in addition to its status."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from smtp_operator.api.objects import Reference
from smtp_operator.api.verdict import Verdict
from smtp_operator.imap.request import FoundEmail
from smtp_operator.reconcile.references.changes import ReferenceBaseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of the looks for one email so far. Times are in seconds since the epoch."""

    message_id: str
    at: float
    ended: bool
    """Whether no further look follows."""
    found: FoundEmail | None = None
    arrived: float = 0.0
    """When the email arrived, as exactly as known."""
    bounce: str = ""
    failure: Verdict | None = None
    """Why the mailbox could not be read."""
    read: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """Objects that the login needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An email to ``delivery.address``, or why there is none. Times are in seconds since the epoch."""

    at: float
    message_id: str = ""
    """Empty: no email was sent."""
    accepted: bool = False
    """Whether the mail server is known to have accepted the email."""
    refusal: Verdict | None = None
    """Why no email was sent."""
    of_address: bool = False
    """Whether the server refused the address itself, for good."""


@dataclass(slots=True)
class DeliveryState:
    """State of the delivery of one SmtpConfig."""

    finding: Finding | None = None
    failed: tuple[str, Attempt] | None = None
    """The last attempt without an email, and the digest of its settings."""
    retry_at: float = 0.0
    """Time before which no further email of the schedule is tried."""
    failures: int = 0
    """Consecutive failed attempts."""
    passed_logins: tuple[bytes, ...] = ()
    """Digests of the credentials that the mailbox accepted last; see ``limits/logins.py``."""
    reported: tuple[str, str] | None = None
    """Status and reason of the last result, for Events; None: unknown."""
    baselines: Mapping[Reference, ReferenceBaseline] = field(default_factory=dict)
    """Objects that the last login to the mailbox needed."""
