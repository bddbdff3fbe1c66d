# SPDX-License-Identifier: Apache-2.0
"""Represent one state of an object of any of our kinds: its spec and its stored status."""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion, ServedKind
from smtp_operator.api.status import ObjectStatus, TestedSettings
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec
from smtp_operator.reconcile.references.uses import ReferenceUse

Model = TypeVar("Model", bound=BaseModel)
Status = TypeVar("Status", bound=ObjectStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSnapshot:
    """A state of an object."""

    version: ObjectVersion
    status: ObjectStatus
    uses: tuple[ReferenceUse, ...]
    """The objects that the spec references, whether they exist or not."""
    digest: str
    """SHA-256 of the settings that a verdict applies to."""
    created: float
    """Seconds since the epoch."""

    @property
    def key(self) -> ObjectKey:
        """Return namespace and name."""
        return self.version.key

    @property
    def watched(self) -> tuple[ReferenceUse, ...]:
        """Return the objects whose events matter."""
        return self.uses

    @property
    def generation(self) -> int:
        """Return the generation of the spec."""
        return self.version.generation

    @property
    def generation_is_new(self) -> bool:
        """Return whether status describes an older generation."""
        return self.status.observed_generation != self.generation

    @property
    def ready(self) -> str | None:
        """Return the status of the Ready condition; None if there is none."""
        condition = self.status.condition("Ready")
        return condition.status if condition else None

    @property
    def tested(self) -> TestedSettings | None:
        """Return the input of the last verdict; None if the kind does not store it, or if there is none."""
        return None

    @property
    def has_verdict(self) -> bool:
        """Return whether status holds a verdict on exactly these settings."""
        tested = self.tested
        return tested is not None and tested.settings == self.digest and self.ready in ("True", "False")

    @property
    def tested_versions(self) -> dict[tuple[str, str], str | None]:
        """Return the version of each object that the last test read, None if the object did not exist."""
        return {(it.kind, it.name): it.version for it in self.tested.references} if self.tested else {}

    @property
    def last_test_started(self) -> float | None:
        """Return when the last ended test was started, in seconds since the epoch."""
        return None

    @property
    def poll_interval(self) -> float | None:
        """Return the seconds between two polls of references that no watch covers; None if no poll is due."""
        return None


def version_of(kind: ServedKind, object_: JsonObject) -> ObjectVersion:
    """Return the identity and the version of an object."""
    metadata = object_["metadata"]
    return ObjectVersion(
        key=ObjectKey(metadata.get("namespace", ""), metadata["name"]),
        kind=kind,
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
    )


def created_at(object_: JsonObject) -> float:
    """Return when an object was created, in seconds since the epoch; 0 if that is unknown."""
    return from_timestamp(object_["metadata"].get("creationTimestamp")) or 0.0


def is_judged(object_: JsonObject) -> bool:
    """Return whether the status of an object describes its current generation."""
    return bool((object_.get("status") or {}).get("observedGeneration") == object_["metadata"]["generation"])


def spec_of(model: type[Model], object_: JsonObject) -> Model:
    """Return the spec of an object.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    try:
        return model.model_validate(object_["spec"])
    except ValidationError as error:
        raise InvalidSpecError(invalid_spec(error)) from None


def status_of(model: type[Status], object_: JsonObject) -> Status:
    """Return the stored status; an empty one if it cannot be parsed, which only costs a test."""
    try:
        return model.model_validate(object_.get("status") or {})
    except ValidationError:
        return model()


def status_as_json(status: ObjectStatus) -> dict[str, Any]:
    """Return a status as JSON for the API server."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
