# SPDX-License-Identifier: Apache-2.0
"""The input of a rule, and the registry of rules."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from smtp_operator.api.crd import KINDS
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.reasons import ANNOUNCEMENTS
from smtp_operator.api.status import ObjectStatus

_MODELS: Final = {kind.name: kind.status for kind in KINDS}


@dataclass(slots=True)
class Case:
    """A write of a status."""

    object_: JsonObject
    """The stored object, with the previous status."""
    status: JsonObject
    now: float
    hidden: Collection[str]
    conditions: dict[str, JsonObject] = field(init=False)
    stored: JsonObject = field(init=False)
    """The previous status; empty if it is not ours."""
    before: dict[str, JsonObject] = field(init=False)

    def __post_init__(self) -> None:
        model = _MODELS[self.kind]
        try:
            stored = model.model_validate(self.object_.get("status") or {})
        except ValidationError:
            stored = model()
        assert isinstance(stored, ObjectStatus)
        self.stored = stored.model_dump(by_alias=True, exclude_none=True)
        self.before = {it["type"]: it for it in self.stored["conditions"]}
        self.conditions = {it["type"]: it for it in self.status.get("conditions", ())}

    @property
    def kind(self) -> str:
        """The kind of the object, such as ``SmtpConfig``."""
        return str(self.object_["kind"])

    @property
    def generation(self) -> int:
        """The generation of the object."""
        return int(self.object_["metadata"]["generation"])

    @property
    def spec(self) -> JsonObject:
        """The spec of the object."""
        spec: JsonObject = self.object_["spec"]
        return spec

    @property
    def ready(self) -> str | None:
        """The status of the Ready condition."""
        return self.value("Ready", "status")

    def value(self, kind: str, name: str) -> str | None:
        """Return a field of a condition."""
        value = self.conditions.get(kind, {}).get(name)
        return None if value is None else str(value)

    @property
    def under_test(self) -> bool:
        """Whether the status only reports a running test, so that the previous verdict still holds."""
        return self.value("Reconciling", "reason") in ANNOUNCEMENTS

    def __str__(self) -> str:
        metadata = self.object_["metadata"]
        name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        return f"{name} generation {metadata['generation']}"


Finding = Iterator[str]
Rule = Callable[[Case], Finding]

RULES: Final[dict[str, tuple[str, Rule]]] = {}
"""Rules by number, each with the kind that it applies to; empty: all kinds."""


def rule(number: str, kind: str = "") -> Callable[[Rule], Rule]:
    """Register a rule."""

    def registered(check: Rule) -> Rule:
        RULES[number] = (kind, check)
        return check

    return registered


def seconds(text: str) -> float:
    """Return the seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
