# SPDX-License-Identifier: Apache-2.0
"""The health of an object, for example for metrics."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ObjectHealth:
    """Current health of one object."""

    kind: str
    """For example ``SmtpConfig``."""
    namespace: str
    """Empty for a cluster-scoped object."""
    name: str
    ready: Literal["True", "False", "Unknown"]
    """Status of the Ready condition; Unknown if the object has none yet."""
    certificate_not_after: float | None = None
    """Expiry of the mail server's last certificate, in seconds since the epoch."""
    delivered: str | None = None
    """Status of the condition Delivered of a SmtpConfig; None: there is none."""
    published_proven_at: float | None = None
    """When the settings in the published Secret were last proven, in seconds since the epoch."""
