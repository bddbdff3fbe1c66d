# SPDX-License-Identifier: Apache-2.0
"""JSON that somebody else wrote: an object, or as good as nothing. It never fails, however it is broken."""

import base64
import json
from typing import Any


def json_object(raw: bytes) -> dict[str, Any]:
    """The object; empty where it is something else."""
    return json_object_or_none(raw) or {}


def json_object_or_none(raw: bytes) -> dict[str, Any] | None:
    """The object; None where it is something else."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says (RFC 7519), to be shown alone: its signature is not looked at. Empty: it is none."""
    try:
        payload = token.split(".")[1]
        return json_object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
