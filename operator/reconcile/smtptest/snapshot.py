# SPDX-License-Identifier: Apache-2.0
"""Represent one state of a SmtpTest: its spec and its stored status."""

from dataclasses import dataclass, replace

from smtp_operator.api.defaults import TestDefaults
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.smtptest import SmtpTestSpec
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import Phase
from smtp_operator.reconcile.references.uses import references_of
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.snapshot import ObjectSnapshot, created_at, spec_of, status_of, version_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpTestSnapshot(ObjectSnapshot):
    """A state of a SmtpTest."""

    spec: SmtpTestSpec
    status: SmtpConfigStatus
    """Only fields that a SmtpTest has are set."""

    @property
    def finished(self) -> bool:
        """Return whether the test has ended. A change of the spec, which the CRD refuses, changes nothing."""
        return self.ready in ("True", "False")

    @property
    def finished_at(self) -> float | None:
        """Return when the test ended, in seconds since the epoch; None if it has not ended."""
        ready = self.status.condition("Ready")
        return from_timestamp(ready.last_transition_time) if ready is not None and self.finished else None

    @property
    def may_have_sent(self) -> bool:
        """Return whether a test that has no verdict yet had come to DATA, so that its email may be sent."""
        current = self.status.current_test
        return not self.finished and current is not None and current.phase == Phase.DATA

    def with_settings(self, spec: SmtpConfigSpec, defaults: TestDefaults) -> Snapshot:
        """Return the SmtpTest as a SmtpConfig with these settings, for the code that tests SmtpConfigs."""
        return Snapshot(
            version=self.version,
            spec=spec,
            status=self.status,
            digest="",
            uses=references_of(spec, self.key.namespace),
            request=None,
            defaults=defaults,
            created=self.created,
        )

    def stored_as(self, version: str, status: SmtpConfigStatus) -> "SmtpTestSnapshot":
        """Return the snapshot with a status that was written as this resourceVersion."""
        return replace(self, version=replace(self.version, resource_version=version), status=status)


def smtp_test_snapshot_of(object_: JsonObject) -> SmtpTestSnapshot:
    """Return the snapshot of an object from the API server.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    return SmtpTestSnapshot(
        version=version_of("SmtpTest", object_),
        spec=spec_of(SmtpTestSpec, object_),
        status=status_of(SmtpConfigStatus, object_),
        digest="",
        uses=(),
        created=created_at(object_),
    )
