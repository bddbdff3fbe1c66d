# SPDX-License-Identifier: Apache-2.0
"""What others can read after a test: where a password must not be found."""

import base64
import json

from testbed.audit import AuditLog
from testbed.bed import Bed
from testbed.operator_process import OperatorProcess


def told(bed: Bed, audit: AuditLog, operator: OperatorProcess) -> str:
    """Status and Event of SmtpConfig mail, the operator's log, and what the API server was asked for."""
    seen = bed.seen()
    event = bed.wait_for_event(seen.reason)
    return "\n".join([json.dumps(seen.status), json.dumps(event), operator.output(), audit.text()])


def spellings(secret: str) -> set[str]:
    """It, and its base64."""
    return {secret, base64.b64encode(secret.encode()).decode().rstrip("=")}
