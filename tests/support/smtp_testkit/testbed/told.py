# SPDX-License-Identifier: Apache-2.0
"""Everything that others can read after a test, in which no password may be."""

import base64
import json

from smtp_testkit.testbed.audit import AuditLog
from smtp_testkit.testbed.bed import Bed
from smtp_testkit.testbed.operator_process import OperatorProcess


def told(bed: Bed, audit: AuditLog, operator: OperatorProcess) -> str:
    """Return statuses and Events of the namespace, the operator's log and metrics, and its requests."""
    bed.wait_for_event(bed.seen().reason)
    ours = f"/apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}"
    objects = [it for kind in ("smtpconfigs", "smtpvaults") for it in bed.api.items(f"{ours}/{kind}")]
    seen = [it.get("status") for it in objects]
    seen += bed.api.items(f"/apis/events.k8s.io/v1/namespaces/{bed.namespace}/events")
    return "\n".join(
        [json.dumps(seen, ensure_ascii=False), operator.output(), operator.metrics(), audit.text()]
    )


def spellings(secret: str) -> set[str]:
    """Return the text and its base64."""
    return {secret, base64.b64encode(secret.encode()).decode().rstrip("=")}
