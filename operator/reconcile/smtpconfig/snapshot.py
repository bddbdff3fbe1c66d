# SPDX-License-Identifier: Apache-2.0
"""Represent one state of a SmtpConfig: its spec and its stored status."""

from dataclasses import dataclass
from functools import lru_cache

from smtp_operator.api.defaults import TEST_DEFAULTS, TestDefaults
from smtp_operator.api.durations import format_duration, parse_duration
from smtp_operator.api.names import TEST_REQUESTED_AT
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.status import EffectiveSettings, SmtpConfigStatus, TestedSettings
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.backoff import EMAIL_INTERVAL, latest_recheck
from smtp_operator.reconcile.digest import settings_digest
from smtp_operator.reconcile.references.uses import ReferenceUse, mailbox_settings, references_of
from smtp_operator.reconcile.snapshot import ObjectSnapshot, created_at, spec_of, status_of, version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(ObjectSnapshot):
    """A state of a SmtpConfig."""

    spec: SmtpConfigSpec
    status: SmtpConfigStatus
    request: str | None
    """Value of the annotation that requests a test."""
    defaults: TestDefaults
    """Values for fields that the spec leaves out."""

    @property
    def concerns_publishing(self) -> bool:
        """Return whether there is a published Secret, or one to publish."""
        return (
            self.spec.publish is not None
            or self.status.binding is not None
            or self.status.condition("Published") is not None
        )

    @property
    def watched(self) -> tuple[ReferenceUse, ...]:
        """Return the objects whose events matter: references, those of the mailbox, the published Secret."""
        mailbox, watched = mailbox_settings(self.spec), self.uses
        if mailbox is not None:
            watched += references_of(mailbox, self.key.namespace)
        if self.spec.publish is None:
            return watched
        secret = Reference("Secret", self.key.namespace, self.spec.publish.secret_name)
        return (*watched, ReferenceUse(secret, "", Trigger.DEPENDENCY_CHANGED))

    @property
    def request_pending(self) -> bool:
        """Return whether a requested test has not ended yet."""
        return self.request is not None and self.request != self.status.last_handled_test_request

    @property
    def tested(self) -> TestedSettings | None:
        """Return the input of the last verdict."""
        if self.spec.password is not None and self.spec.password.value is not None and self.generation_is_new:
            return None  # rule 6: there is no digest that shows whether the value has changed
        return self.status.tested

    @property
    def interval(self) -> float:
        """Return the seconds between two rechecks, 0 for never; more for rechecks with recipients."""
        interval = parse_duration(self._recheck_interval)
        with_recipients = self.recheck_mode.depth >= Mode.ENVELOPE.depth
        return max(interval, EMAIL_INTERVAL) if interval and with_recipients else interval

    @property
    def _recheck_interval(self) -> str:
        return self.spec.recheck.interval or self.defaults.recheck_interval

    @property
    def recheck_mode(self) -> Mode:
        """Return the mode of rechecks, at most ``test.mode``."""
        return self.at_most(self.spec.recheck.mode or self.defaults.recheck_mode)

    @property
    def timeout(self) -> float:
        """Return the time limit of a test in seconds."""
        return parse_duration(self._timeout)

    @property
    def _timeout(self) -> str:
        return self.spec.test.timeout or self.defaults.test_timeout

    @property
    def effective(self) -> EffectiveSettings:
        """Return the values that apply, for status; durations as written, unless a minimum replaces them."""
        interval, seconds = self._recheck_interval, self.interval
        if parse_duration(interval) != seconds:
            interval = format_duration(seconds)
        return _effective(interval, self.recheck_mode, self._timeout)

    @property
    def defaults_changed(self) -> bool:
        """Return whether status shows values of other flags, and no scheduled test will replace them.

        A status of an older release shows no values; they appear with its next write.
        """
        shown = self.status.effective
        return self.status.next_test_time is None and shown is not None and shown != self.effective

    @property
    def longest_interval(self) -> float:
        """Return the interval, or the one that ``status.nextTestTime`` was computed with, if it is longer."""
        shown = self.status.effective
        try:
            before = parse_duration(shown.recheck_interval or "0s") if shown else 0.0
        except ValueError:
            before = 0.0
        return max(self.interval, before)

    def at_most(self, mode: Mode) -> Mode:
        """Return the mode, or ``test.mode`` if that is less deep."""
        deepest = self.spec.test.mode
        return mode if mode.depth <= deepest.depth else deepest

    @property
    def poll_interval(self) -> float | None:
        """Return the seconds between two polls of references, which a recheck includes; None for never."""
        interval = self.interval
        return None if self.spec.suspend or not interval else latest_recheck(interval)

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


@lru_cache(maxsize=256)
def _effective(interval: str, mode: Mode, timeout: str) -> EffectiveSettings:
    """Return the same object for the same values, which most objects have."""
    return EffectiveSettings(recheck_interval=interval, recheck_mode=str(mode), timeout=timeout)


def request_of(object_: JsonObject) -> str | None:
    """Return the value of the annotation that requests a test."""
    value = (object_["metadata"].get("annotations") or {}).get(TEST_REQUESTED_AT)
    return value[:256] if value else None


def snapshot_of(object_: JsonObject, defaults: TestDefaults = TEST_DEFAULTS) -> Snapshot:
    """Return the snapshot of an object from the API server; ``defaults`` are the values of the flags.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    spec, version = spec_of(SmtpConfigSpec, object_), version_of("SmtpConfig", object_)
    return Snapshot(
        version=version,
        spec=spec,
        status=status_of(SmtpConfigStatus, object_),
        digest=settings_digest(spec),
        uses=references_of(spec, version.key.namespace),
        request=request_of(object_),
        defaults=defaults,
        created=created_at(object_),
    )
