# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig, as the plug-in shows it: from its own status, or from that of a SmtpTest of its settings."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

from smtp_operator.api.durations import format_duration
from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.api.reasons import LIMITED, REASONS, Reason, Retry
from smtp_operator.api.status import Condition, SmtpConfigStatus, StatusModel
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.cli.exit_codes import TRANSIENT, code_of
from smtp_operator.reconcile.smtpconfig.snapshot import request_of
from smtp_operator.reconcile.snapshot import status_of, version_of

NOT_TESTED: Final = "not tested yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSnapshot:
    """A state of a SmtpConfig; holds only the server name of the spec, which can contain a password."""

    key: ObjectKey
    uid: str
    version: str
    """The resourceVersion."""
    generation: int
    server: str
    suspended: bool
    request: str | None
    """Value of the annotation that requests a test."""
    status: SmtpConfigStatus
    smtp_test: str | None = None
    """Name of the SmtpTest that has the status; None: the SmtpConfig itself has it."""

    @classmethod
    def unread(cls, key: ObjectKey, server: str) -> Self:
        """Return a SmtpConfig of which nothing else is known; ``server`` can be empty."""
        return cls(
            key=key,
            uid="",
            version="",
            generation=0,
            server=server,
            suspended=False,
            request=None,
            status=SmtpConfigStatus(),
        )

    @classmethod
    def of_smtp_test(cls, object_: JsonObject, key: ObjectKey, server: str) -> Self:
        """Return the SmtpConfig ``key`` with the status of a SmtpTest of its settings."""
        version = version_of("SmtpTest", object_)
        return replace(
            cls.unread(key, server),
            uid=version.uid,
            version=version.resource_version,
            generation=version.generation,
            status=status_of(SmtpConfigStatus, object_),
            smtp_test=version.key.name,
        )

    @classmethod
    def of(cls, object_: JsonObject) -> Self:
        """Return the snapshot of an object from the API server."""
        version = version_of("SmtpConfig", object_)
        spec = object_.get("spec") or {}
        return cls(
            key=version.key,
            uid=version.uid,
            version=version.resource_version,
            generation=version.generation,
            server=str(spec.get("server", "")),
            suspended=bool(spec.get("suspend")),
            request=request_of(object_),
            status=status_of(SmtpConfigStatus, object_),
        )

    @property
    def ready(self) -> Condition | None:
        """The Ready condition, if it refers to the current spec."""
        return self.status.condition("Ready") if self.has_verdict else None

    @property
    def has_verdict(self) -> bool:
        """Whether the status refers to the current spec."""
        return self.status.observed_generation == self.generation

    @property
    def passed(self) -> bool | None:
        """Whether the test passed; None without a verdict."""
        status = self.ready.status if self.ready else "Unknown"
        return None if status == "Unknown" else status == "True"

    @property
    def reason(self) -> str | None:
        """The reason of the verdict, or why there is none."""
        return self.ready.reason if self.ready else None

    @property
    def known_reason(self) -> Reason | None:
        """The reason, if this release knows it."""
        return next((it for it in Reason if it == self.reason), None)

    @property
    def retry(self) -> Retry | None:
        """The retry class of the reason, if this release knows it."""
        return REASONS[self.known_reason].retry if self.known_reason else None

    @property
    def summary(self) -> str:
        """The verdict in at most 80 characters, or why there is none."""
        if self.status.summary and (self.has_verdict or self.held):
            return self.status.summary
        before = self.status.condition("Ready")
        return NOT_TESTED if before is None else f"current spec {NOT_TESTED}"

    @property
    def under_test(self) -> bool:
        """Whether a test is running that has taken more than a second."""
        return self.status.current_test is not None

    @property
    def held(self) -> bool:
        """Whether a limit of the operator delays a test."""
        condition = self.status.condition("Reconciling")
        return condition is not None and condition.reason in LIMITED

    @property
    def phase(self) -> str | None:
        """The phase of the running test, if it is known."""
        return self.status.current_test.phase if self.status.current_test else None

    @property
    def request_pending(self) -> bool:
        """Whether a requested test has not finished yet."""
        return self.request is not None and self.request != self.status.last_handled_test_request

    @property
    def failed_phase(self) -> str | None:
        """The phase in which the test failed."""
        last = self.status.last_test
        return last.phase if last is not None and self.passed is False else None

    @property
    def exit_code(self) -> int:
        """The exit code, as in ``smtp-operator check``; without a verdict, that of a temporary failure."""
        if self.passed is None:
            return TRANSIENT
        if self.passed:
            return code_of(Retry.PASSED, password_resolved=True)
        resolved = self.status.condition("PasswordResolved")
        return code_of(
            self.retry or Retry.CONFIGURATION, password_resolved=resolved is None or resolved.status == "True"
        )

    @property
    def since(self) -> float | None:
        """The last transition of Ready, in seconds since the epoch."""
        return from_timestamp(self.ready.last_transition_time) if self.ready else None

    def retry_description(self, now: float) -> str:
        """Return when and why the next test starts, such as ``in 12m: recheck``."""
        if self.smtp_test is not None:
            return "never: a SmtpTest runs once"
        if self.under_test:
            return f"under way: phase {self.phase}" if self.phase else "under way"
        if self.held:
            due = from_timestamp(self.status.next_test_time)
            later = f"in {short_time(due - now)}: " if due is not None and due > now else ""
            return f"{later}held by a limit"
        if self.request_pending:
            return "requested"
        if self.suspended:
            return "never: suspended"
        if not self.has_verdict:
            return "now: the spec is new"
        due = from_timestamp(self.status.next_test_time)
        if due is not None:
            why = "recheck" if self.passed else "retry"
            return f"in {short_time(due - now)}: {why}" if due > now else f"due: {why}"
        return "after a change" if self.passed is not None else "soon"

    def as_json(self) -> dict[str, Any]:
        """Return the values for JSON. Keys are only added, never renamed; status keys match the status."""
        status, ready = self.status, self.ready
        return {
            "namespace": self.key.namespace,
            "name": self.key.name,
            "server": self.server,
            "passed": self.passed,
            "reason": self.reason,
            "message": ready.message if ready else None,
            "summary": self.summary,
            "phase": self.failed_phase,
            "retry": str(self.retry) if self.retry else None,
            "exitCode": self.exit_code,
            "since": ready.last_transition_time if ready else None,
            "nextTestTime": status.next_test_time,
            "lastSuccessTime": status.last_success_time,
            "underTest": self.under_test,
            "suspended": self.suspended,
            "conditions": [_dumped(it) for it in status.conditions],
            "test": _dumped(status.last_test),
            "password": _dumped(status.password),
            "suggestion": _dumped(status.suggestion) if self.has_verdict else None,
            "published": _dumped(status.published),
            "binding": _dumped(status.binding),
            "lastHandledTestRequest": status.last_handled_test_request,
            "error": None,
            "smtpTest": self.smtp_test,
        }


def short_time(seconds: float) -> str:
    """Format a time in one or two units, such as ``45s``, ``12m``, ``3h5m`` or ``5d``."""
    minute, hour, day = 60, 3600, 86400
    if seconds < 2 * minute:
        return f"{max(round(seconds), 0)}s"
    if seconds < 10 * hour:
        return format_duration(round(seconds / minute) * minute)
    if seconds < 2 * day:
        return f"{round(seconds / hour)}h"
    return f"{round(seconds / day)}d"


def _dumped(model: StatusModel | None) -> Any:
    return model and model.model_dump(mode="json", by_alias=True, exclude_none=True)
