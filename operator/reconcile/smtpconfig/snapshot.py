# SPDX-License-Identifier: Apache-2.0
"""Represent one state of a SmtpConfig: its spec and its stored status."""

from dataclasses import dataclass

from pydantic import ValidationError

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Mode
from smtp_operator.reconcile.backoff import EMAIL_INTERVAL
from smtp_operator.reconcile.digest import settings_digest
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec
from smtp_operator.reconcile.references.uses import ReferenceUse, references_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A state of a SmtpConfig."""

    version: ObjectVersion
    spec: SmtpConfigSpec
    status: SmtpConfigStatus
    digest: str
    uses: tuple[ReferenceUse, ...]
    """The objects that the spec references, whether they exist or not."""
    request: str | None
    """Value of the annotation that requests a test."""
    created: float
    """Seconds since the epoch."""

    @property
    def key(self) -> ObjectKey:
        """Return namespace and name."""
        return self.version.key

    @property
    def generation(self) -> int:
        """Return the generation of the spec."""
        return self.version.generation

    @property
    def request_pending(self) -> bool:
        """Return whether a requested test has not ended yet."""
        return self.request is not None and self.request != self.status.last_handled_test_request

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
    def has_verdict(self) -> bool:
        """Return whether status holds a verdict on exactly these settings."""
        if self.status.tested is None or self.ready not in ("True", "False"):
            return False
        if self.spec.password is not None and self.spec.password.value is not None and self.generation_is_new:
            return False  # rule 6: there is no digest that shows whether the value has changed
        return self.status.tested.settings == self.digest

    @property
    def interval(self) -> float:
        """Return ``recheck.interval`` in seconds, 0 for never; it is longer for rechecks with recipients."""
        interval = parse_duration(self.spec.recheck.interval)
        depth = min(self.spec.recheck.mode.depth, self.spec.test.mode.depth)
        return max(interval, EMAIL_INTERVAL) if interval and depth >= Mode.ENVELOPE.depth else interval

    @property
    def last_test_started(self) -> float | None:
        """Return when the last ended test was started, in seconds since the epoch."""
        return from_timestamp(self.status.last_test.start_time) if self.status.last_test else None

    @property
    def last_test_ended(self) -> float | None:
        """Return when the last test ended, in seconds since the epoch."""
        started = self.last_test_started
        if started is None or self.status.last_test is None:
            return None
        try:
            return started + parse_duration(self.status.last_test.duration or "0s")
        except ValueError:
            return started


def version_of(object_: JsonObject) -> ObjectVersion:
    """Return the identity and the version of an object."""
    metadata = object_["metadata"]
    return ObjectVersion(
        key=ObjectKey(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
    )


def is_judged(object_: JsonObject) -> bool:
    """Return whether the status of an object describes its current generation."""
    return bool((object_.get("status") or {}).get("observedGeneration") == object_["metadata"]["generation"])


def request_of(object_: JsonObject) -> str | None:
    """Return the value of the annotation that requests a test."""
    value = (object_["metadata"].get("annotations") or {}).get(TEST_REQUESTED_AT)
    return value[:256] if value else None


def status_of(object_: JsonObject) -> SmtpConfigStatus:
    """Return the stored status; an empty one if it cannot be parsed, which only costs a test."""
    try:
        return SmtpConfigStatus.model_validate(object_.get("status") or {})
    except ValidationError:
        return SmtpConfigStatus()


def status_as_json(status: SmtpConfigStatus) -> JsonObject:
    """Return the status as JSON for the API server."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def snapshot_of(object_: JsonObject) -> Snapshot:
    """Return the snapshot of an object from the API server.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    try:
        spec = SmtpConfigSpec.model_validate(object_["spec"])
    except ValidationError as error:
        raise InvalidSpecError(invalid_spec(error)) from None
    version = version_of(object_)
    return Snapshot(
        version=version,
        spec=spec,
        status=status_of(object_),
        digest=settings_digest(spec),
        uses=references_of(spec, version.key.namespace),
        request=request_of(object_),
        created=from_timestamp(object_["metadata"].get("creationTimestamp")) or 0.0,
    )
