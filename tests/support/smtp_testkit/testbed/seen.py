# SPDX-License-Identifier: Apache-2.0
"""A snapshot of an SmtpConfig."""

from dataclasses import dataclass
from typing import Any

from smtp_testkit.testbed.api import Object


@dataclass(frozen=True)
class Condition:
    """A condition; all fields are empty if there is none of this type."""

    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = -1
    since: str = ""


@dataclass(frozen=True)
class ObservedObject:
    """An object, with short names for its parts."""

    object: Object

    @property
    def metadata(self) -> Object:
        """The metadata."""
        found: Object = self.object["metadata"]
        return found

    @property
    def name(self) -> str:
        """The name."""
        return str(self.metadata["name"])

    @property
    def status(self) -> dict[str, Any]:
        """The status."""
        found: dict[str, Any] = self.object.get("status", {})
        return found

    @property
    def last_test(self) -> dict[str, Any]:
        """The field `status.lastTest`."""
        found: dict[str, Any] = self.status.get("lastTest", {})
        return found

    @property
    def ready(self) -> Condition:
        """The Ready condition."""
        return self.condition("Ready")

    @property
    def reason(self) -> str:
        """The reason of the Ready condition."""
        return self.ready.reason

    @property
    def message(self) -> str:
        """The message of the Ready condition."""
        return self.ready.message

    @property
    def conditions(self) -> dict[str, str]:
        """The reasons of all conditions, by type."""
        return {it["type"]: it["reason"] for it in self.status.get("conditions", [])}

    def condition(self, kind: str) -> Condition:
        """Return the condition with this type."""
        for it in self.status.get("conditions", []):
            if it["type"] == kind:
                return Condition(
                    it["status"],
                    it["reason"],
                    it["message"],
                    it.get("observedGeneration", -1),
                    it["lastTransitionTime"],
                )
        return Condition()

    @property
    def judged(self) -> bool:
        """Whether the status has a verdict about the current spec."""
        return bool(self.status.get("observedGeneration") == self.metadata["generation"])
