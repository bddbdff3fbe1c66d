# SPDX-License-Identifier: Apache-2.0
"""Derive the health of a SmtpConfig from its status."""

from smtp_operator.api.names import SMTP_CONFIG_KIND
from smtp_operator.api.object_health import ObjectHealth
from smtp_operator.api.objects import ObjectKey
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp


def health_of(key: ObjectKey, status: SmtpConfigStatus) -> ObjectHealth:
    """Return the health of a SmtpConfig, from its newest status."""
    ready = status.condition("Ready")
    server = status.last_test.server if status.last_test else None
    not_after = server.certificate.not_after if server and server.certificate else None
    return ObjectHealth(
        kind=SMTP_CONFIG_KIND,
        namespace=key.namespace,
        name=key.name,
        ready=ready.status if ready else "Unknown",
        certificate_not_after=from_timestamp(not_after or status.certificate_expiring),
    )
