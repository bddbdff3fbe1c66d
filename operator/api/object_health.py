# SPDX-License-Identifier: Apache-2.0
"""How an object stands, in the few facts that are told of each: by metrics, for example."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ObjectHealth:
    """One object now."""

    kind: str
    """Such as ``SmtpConfig``."""
    namespace: str
    """Empty for an object of the whole cluster."""
    name: str
    ready: Literal["True", "False", "Unknown"]
    """Status of its Ready condition; Unknown where it has none yet."""
    certificate_not_after: float | None = None
    """When the certificate ends that its server showed last, in seconds since the epoch."""
