# SPDX-License-Identifier: Apache-2.0
"""How a SmtpConfig stands, out of its status."""

from smtp_operator.api.names import SMTP_CONFIG_KIND
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import ObjectKey
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.timestamps import from_timestamp


def health_of(key: ObjectKey, status: SmtpConfigStatus) -> ObjectHealth:
    """By its newest status."""
    ready = status.condition("Ready")
    server = status.last_test.server if status.last_test else None
    shown = server.certificate.not_after if server and server.certificate else None
    return ObjectHealth(
        kind=SMTP_CONFIG_KIND,
        namespace=key.namespace,
        name=key.name,
        ready=ready.status if ready else "Unknown",
        certificate_not_after=from_timestamp(shown or status.certificate_expiring),
    )
