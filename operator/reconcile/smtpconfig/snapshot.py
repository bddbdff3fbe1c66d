# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig as the core looks at it: what the user wrote, what was found before."""

from dataclasses import dataclass

from pydantic import ValidationError

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.verdict import Mode
from smtp_operator.reconcile.backoff import EMAIL_INTERVAL
from smtp_operator.reconcile.digest import settings_digest
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec
from smtp_operator.reconcile.references.index import ReferenceUse, references_of
from smtp_operator.reconcile.timestamps import from_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One state of a SmtpConfig."""

    version: ObjectVersion
    spec: SmtpConfigSpec
    status: SmtpConfigStatus
    digest: str
    uses: tuple[ReferenceUse, ...]
    """The objects that the spec names, whether they exist or not."""
    request: str | None
    """Value of the annotation that asks for a test."""
    created: float
    """Seconds since the epoch."""

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.version.key

    @property
    def generation(self) -> int:
        """Of the spec."""
        return self.version.generation

    @property
    def request_pending(self) -> bool:
        """Whether a test was asked for that has not ended yet."""
        return self.request is not None and self.request != self.status.last_handled_test_request

    @property
    def generation_is_new(self) -> bool:
        """Whether status speaks of an older generation."""
        return self.status.observed_generation != self.generation

    @property
    def ready(self) -> str | None:
        """Status of the Ready condition, if there is one."""
        condition = self.status.condition("Ready")
        return condition.status if condition else None

    @property
    def has_verdict(self) -> bool:
        """Whether status holds a verdict of just these settings."""
        if self.status.tested is None or self.ready not in ("True", "False"):
            return False
        if self.spec.password is not None and self.spec.password.value is not None and self.generation_is_new:
            return False  # rule 6: no digest tells whether the value is another one
        return self.status.tested.settings == self.digest

    @property
    def interval(self) -> float:
        """``recheck.interval`` in seconds; 0: never. Rechecks that name recipients are made less often."""
        interval = parse_duration(self.spec.recheck.interval)
        depth = min(self.spec.recheck.mode.depth, self.spec.test.mode.depth)
        return max(interval, EMAIL_INTERVAL) if interval and depth >= Mode.ENVELOPE.depth else interval

    @property
    def last_test_started(self) -> float | None:
        """When the last test that ended was started, in seconds since the epoch."""
        return from_timestamp(self.status.last_test.start_time) if self.status.last_test else None

    @property
    def last_test_ended(self) -> float | None:
        """When the last test ended, in seconds since the epoch."""
        started = self.last_test_started
        if started is None or self.status.last_test is None:
            return None
        try:
            return started + parse_duration(self.status.last_test.duration or "0s")
        except ValueError:
            return started


def version_of(object_: JsonObject) -> ObjectVersion:
    """Which object, and which state of it."""
    metadata = object_["metadata"]
    return ObjectVersion(
        key=ObjectKey(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
    )


def is_judged(object_: JsonObject) -> bool:
    """Whether its status speaks of its generation."""
    return bool((object_.get("status") or {}).get("observedGeneration") == object_["metadata"]["generation"])


def request_of(object_: JsonObject) -> str | None:
    """Value of the annotation that asks for a test."""
    value = (object_["metadata"].get("annotations") or {}).get(TEST_REQUESTED_AT)
    return value[:256] if value else None


def status_of(object_: JsonObject) -> SmtpConfigStatus:
    """The stored status; an empty one where it cannot be read, which costs a test and nothing more."""
    try:
        return SmtpConfigStatus.model_validate(object_.get("status") or {})
    except ValidationError:
        return SmtpConfigStatus()


def status_as_json(status: SmtpConfigStatus) -> JsonObject:
    """The status as the API server takes it."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def snapshot_of(object_: JsonObject) -> Snapshot:
    """The view of an object as the API server sends it.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    try:
        spec = SmtpConfigSpec.model_validate(object_["spec"])
    except ValidationError as error:
        raise InvalidSpecError(invalid_spec(error)) from None
    tested = version_of(object_)
    return Snapshot(
        version=tested,
        spec=spec,
        status=status_of(object_),
        digest=settings_digest(spec),
        uses=references_of(spec, tested.key.namespace),
        request=request_of(object_),
        created=from_timestamp(object_["metadata"].get("creationTimestamp")) or 0.0,
    )
