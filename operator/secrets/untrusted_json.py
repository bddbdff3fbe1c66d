# SPDX-License-Identifier: Apache-2.0
"""Parse JSON from untrusted sources; malformed input never raises."""

import base64
import json
from typing import Any


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object; empty if the input is anything else."""
    return json_object_or_none(raw) or {}


def json_object_or_none(raw: bytes) -> dict[str, Any] | None:
    """Return the JSON object; None if the input is anything else."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def claims_of(token: str) -> dict[str, Any]:
    """Return a JWT's claims (RFC 7519), only for display: the signature is not verified. Empty: no JWT."""
    try:
        payload = token.split(".")[1]
        return json_object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
