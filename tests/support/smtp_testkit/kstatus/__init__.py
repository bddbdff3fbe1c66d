# SPDX-License-Identifier: Apache-2.0
"""The kstatus of an object: how Flux, kapp, tools like `kubectl wait` and others read a status.

Follows `pkg/kstatus` of cli-utils as Flux runs it, for kinds without specific rules.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Kstatus(StrEnum):
    """The statuses of kstatus."""

    TERMINATING = "Terminating"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    CURRENT = "Current"


@dataclass(frozen=True)
class Result:
    """The status, and why."""

    status: Kstatus
    message: str


_OF_READY: Final = {
    "True": Kstatus.CURRENT,
    "False": Kstatus.IN_PROGRESS,
    "Unknown": Kstatus.IN_PROGRESS,
}


def kstatus(object_: dict[str, Any]) -> Result:
    """Return the kstatus of this object.

    An unobserved generation has priority, then the first one of `Reconciling` and `Stalled`, then `Ready`.
    Without any of them the status is current.
    """
    metadata, status = object_["metadata"], object_.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return Result(Kstatus.TERMINATING, "Resource scheduled for deletion")
    generation, observed = metadata.get("generation"), status.get("observedGeneration")
    if generation is not None and observed is not None and generation != observed:
        text = f"{object_['kind']} generation is {generation}, but latest observed generation is {observed}"
        return Result(Kstatus.IN_PROGRESS, text)
    conditions = status.get("conditions") or ()
    for it in conditions:
        if (it["type"], it["status"]) == ("Reconciling", "True"):
            return Result(Kstatus.IN_PROGRESS, it["message"])
        if (it["type"], it["status"]) == ("Stalled", "True"):
            return Result(Kstatus.FAILED, it["message"])
    for it in conditions:
        if it["type"] == "Ready":
            return Result(_OF_READY[it["status"]], it["message"])
    return Result(Kstatus.CURRENT, "Resource is current")
