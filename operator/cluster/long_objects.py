# SPDX-License-Identifier: Apache-2.0
"""Count objects that are far longer than the fields that the operator needs, and name them in the log."""

import logging
import time
from typing import Any, Final

from smtp_operator.cluster.traffic import ApiTraffic

LONG: Final = 1024 * 1024
"""Bytes as JSON. Most of a longer object is escaped, or is in fields that the operator does not read."""

_SPACING: Final = 10.0
"""Seconds between two log lines: users who may edit objects decide how many long ones there are."""

_log: Final = logging.getLogger(__name__)


class LongObjects:
    """Count and log long objects."""

    def __init__(self, traffic: ApiTraffic) -> None:
        self._traffic = traffic
        self._next_line = float("-inf")

    def note(self, path: str, size: int, found: Any) -> None:
        """Record a response, or a line of one, that had ``size`` bytes.

        ``found`` is the kept part: an object, or a page with one; None if that was too long as well.
        """
        if size <= LONG:
            return
        resource = resource_of(path)
        self._traffic.oversized(resource)
        now = time.monotonic()
        if now < self._next_line:
            return
        self._next_line = now + _SPACING
        _log.warning(
            "%s %s has %s bytes as JSON (more than %s). The operator reads only the fields that it needs of"
            " such an object. Remove what makes it so long, such as annotations or ownerReferences.",
            resource,
            _name_of(found),
            f"{size:,}",
            f"{LONG:,}",
        )


def resource_of(path: str) -> str:
    """Return the resource in a path, such as ``secrets``; never a name that a user chose."""
    parts = path.strip("/").split("/")
    after = parts[3:] if parts[0] == "apis" else parts[2:]
    if len(after) > 2 and after[0] == "namespaces":
        after = after[2:]
    return after[0] if after else "other"


def _name_of(found: Any) -> str:
    if isinstance(found, dict) and isinstance(found.get("items"), list) and found["items"]:
        found = found["items"][0]
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name"):
        return "(name unknown)"
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])
