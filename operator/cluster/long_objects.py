# SPDX-License-Identifier: Apache-2.0
"""Objects that are far longer than what the operator needs of them are counted, and named in the log."""

import logging
import time
from typing import Any, Final

from smtp_operator.cluster.traffic import ApiTraffic

LONG: Final = 1024 * 1024
"""Bytes as JSON. Most of an object that has more of them is escaped, or nothing that the operator reads."""

_SPACING: Final = 10.0
"""Seconds between two lines of the log, since anyone who may edit an object decides how many there are."""

_log: Final = logging.getLogger(__name__)


class LongObjects:
    """Takes note of them."""

    def __init__(self, traffic: ApiTraffic) -> None:
        self._traffic = traffic
        self._next_line = float("-inf")

    def note(self, path: str, size: int, found: Any) -> None:
        """An answer, or a line of one, that had ``size`` bytes.

        ``found`` is what was kept of it: an object, or a page with one; None where that was too much as well.
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
            "%s %s has %s bytes as JSON (more than %s). Of such an object only the fields that the operator"
            " needs are read. Remove what makes it so long, such as annotations or ownerReferences.",
            resource,
            _name_of(found),
            f"{size:,}",
            f"{LONG:,}",
        )


def resource_of(path: str) -> str:
    """The resource that a path is of, such as ``secrets``: a word of ours, never one of a user."""
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
        return "(its name is not known)"
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])
