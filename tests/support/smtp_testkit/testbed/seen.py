# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig as it was seen at one moment."""

from dataclasses import dataclass
from typing import Any

from smtp_testkit.testbed.api import Object


@dataclass(frozen=True)
class Condition:
    """One of its conditions; all empty where it has none of that type."""

    status: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int = -1
    since: str = ""


@dataclass(frozen=True)
class Seen:
    """The object, and its parts by short names."""

    object: Object

    @property
    def metadata(self) -> Object:
        """Its metadata."""
        found: Object = self.object["metadata"]
        return found

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.metadata["name"])

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.object.get("status", {})
        return found

    @property
    def last_test(self) -> dict[str, Any]:
        """What is known of its last test."""
        found: dict[str, Any] = self.status.get("lastTest", {})
        return found

    @property
    def ready(self) -> Condition:
        """Its Ready condition."""
        return self.condition("Ready")

    @property
    def reason(self) -> str:
        """Reason of its Ready condition."""
        return self.ready.reason

    @property
    def message(self) -> str:
        """Message of its Ready condition."""
        return self.ready.message

    @property
    def conditions(self) -> dict[str, str]:
        """Reasons of the conditions that are there, by type."""
        return {it["type"]: it["reason"] for it in self.status.get("conditions", [])}

    def condition(self, kind: str) -> Condition:
        """The condition of that type."""
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
        """Whether the status speaks of the spec that is there now."""
        return bool(self.status.get("observedGeneration") == self.metadata["generation"])
