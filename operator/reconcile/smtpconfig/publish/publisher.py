# SPDX-License-Identifier: Apache-2.0
"""Publish proven settings: after a passed test, or with values that are read again.

Values are in memory only while they are written. What a test proved is never mixed with what is read later.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError, RequestRefused
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.publish import Publish
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import to_timestamp
from smtp_operator.api.verdict import VerdictError
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.events import log
from smtp_operator.reconcile.references.changes import metadata_of
from smtp_operator.reconcile.shared_parts import SharedParts
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.publish import status as wording
from smtp_operator.reconcile.smtpconfig.publish.planner import (
    KnownSecret,
    PublishSecret,
    RemoveSecret,
    decide,
    published_reference,
)
from smtp_operator.reconcile.smtpconfig.publish.proof import (
    depends_on_dialogue,
    in_generation,
    is_proof,
    is_renamed,
    proven_at,
    proven_by,
    references_of_values,
)
from smtp_operator.reconcile.smtpconfig.publish.secret import (
    ProvenSettings,
    is_current,
    is_owned,
    was_edited,
)
from smtp_operator.reconcile.smtpconfig.publish.state import PublicationState
from smtp_operator.reconcile.smtpconfig.publish.status import PublishFailure
from smtp_operator.reconcile.smtpconfig.publish.writes import PublishedSecrets
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.secrets.publishing import carried_annotations, check_consent, with_current


@dataclass(frozen=True, slots=True)
class PublishStep:
    """The status after a test, and the settings that are written once the API server has it."""

    status: SmtpConfigStatus
    proven: ProvenSettings | None = None


class Publisher:
    """Keeps the published Secrets of all SmtpConfigs."""

    def __init__(self, parts: SharedParts, runner: TestRunner) -> None:
        self._secrets = PublishedSecrets(parts)
        self._tracker = parts.tracker
        self._reader = parts.reader
        self._now = parts.now
        self._runner = runner
        self._enabled = parts.policy.publishes
        self._watched = parts.policy.watches_references

    def decide(
        self, snapshot: Snapshot, state: PublicationState
    ) -> PublishSecret | RemoveSecret | RunTest | RefreshStatus | Wait:
        """Return the next step if nothing else is to be done; a pure function."""
        return decide(
            snapshot,
            state,
            enabled=self._enabled,
            secret=self._known(snapshot),
            attempt=self._attempt(snapshot),
            now=self._now(),
        )

    def judged(self, snapshot: Snapshot, status: SmtpConfigStatus) -> SmtpConfigStatus:
        """Return a new status without a test, with the condition that follows from it."""
        if not snapshot.concerns_publishing:
            return status
        status = wording.carried(snapshot, status)
        return wording.judged(snapshot, status, enabled=self._enabled, now=self._now())

    async def after_test(
        self, snapshot: Snapshot, status: SmtpConfigStatus, result: TestResult, state: PublicationState
    ) -> PublishStep:
        """Return the status after a test; nothing is written before the API server has the verdict."""
        status, publish = wording.carried(snapshot, status), snapshot.spec.publish
        if publish is None or not self._enabled or snapshot.spec.suspend:
            return PublishStep(self.judged(snapshot, status))
        if not is_proof(snapshot, status, result):
            if state.needs_proof:
                state.needs_proof = False
                state.failed(self._attempt(snapshot), self._now())
            return PublishStep(self.judged(snapshot, status))
        state.needs_proof = False
        proven = proven_by(result, status)
        if self._is_unchanged(snapshot, status, publish):
            published = status.published
            assert published is not None
            proven_time = to_timestamp(result.ended)
            again = published.model_copy(update={"proven_time": proven_time})
            return PublishStep(self.judged(snapshot, status.model_copy(update={"published": again})))
        try:
            failure, wanted, existing = await self._secrets.planned(snapshot, publish, proven)
        except ClusterError:
            return PublishStep(self.judged(snapshot, status))  # announced; the values are read again
        if failure is not None:
            state.failed(self._attempt(snapshot), self._now())
            return PublishStep(self._with(snapshot, status, failure))
        if existing is not None and is_current(existing, wanted) and not is_renamed(status, publish):
            state.succeeded()
            return PublishStep(self._written(snapshot, status, publish, proven, existing))
        return PublishStep(self.judged(snapshot, status), proven)

    async def write(
        self, snapshot: Snapshot, proven: ProvenSettings, state: PublicationState
    ) -> SmtpConfigStatus:
        """Write the settings of a test; return the status that says so, or why they were not written.

        Raises:
            LeaseLost: another replica works.
        """
        try:
            holders = await with_current(proven.holders, self._reader.read)
        except VerdictError as error:
            return self._failed(snapshot, state, _refused(error))
        except ApiUnavailable as error:
            secret = published_reference(snapshot)
            assert secret is not None
            return self._failed(snapshot, state, wording.not_accepted(secret, str(error)))
        return await self._write(snapshot, replace(proven, holders=holders), state)

    async def _write(
        self, snapshot: Snapshot, proven: ProvenSettings, state: PublicationState
    ) -> SmtpConfigStatus:
        publish, status = snapshot.spec.publish, snapshot.status
        assert publish is not None
        secret = Reference("Secret", snapshot.key.namespace, publish.secret_name)
        restores = status.published is not None and in_generation(status, snapshot)
        try:
            failure, found = await self._secrets.write(snapshot, publish, proven)
        except AccessDenied as error:
            failure, found = wording.denied(secret, error), None
        except (ApiUnavailable, RequestRefused) as error:
            failure, found = wording.not_accepted(secret, str(error)), None
        if failure is not None or found is None:
            state.failed(self._attempt(snapshot), self._now())
            failure = failure or wording.not_accepted(secret, "other clients change it all the time")
            return self._with(snapshot, status, failure)
        state.succeeded()
        if restores:
            state.restored_at = self._now()
        return self._written(snapshot, status, publish, proven, found)

    async def publish(self, snapshot: Snapshot, state: PublicationState) -> SmtpConfigStatus | None:
        """Publish values that are read again, if their versions are proven; return the status.

        None: another login has to prove them first.

        Raises:
            ApiUnavailable, RequestRefused
        """
        publish = snapshot.spec.publish
        assert publish is not None
        passed = snapshot.has_verdict and snapshot.ready == "True"
        secret = Reference("Secret", snapshot.key.namespace, publish.secret_name)
        try:
            existing = await self._secrets.read(secret)
        except AccessDenied as error:
            return self._failed(snapshot, state, wording.denied(secret, error))
        if existing is not None and not is_owned(existing, snapshot):
            return self._failed(snapshot, state, wording.not_owned(secret))
        try:
            inputs, password, read = await self._runner.read(snapshot)
        except VerdictError as error:
            if not passed or existing is None or was_edited(existing, None):
                return self._left_alone(snapshot, state, existing, bound_by=None)
            text = f"the values cannot be read again. {error.verdict.message}"
            return self._failed(snapshot, state, wording.not_accepted(secret, text))
        references = references_of_values(snapshot, password, read)
        proven_time = proven_at(snapshot, publish, references)
        if proven_time is None and not passed:
            spec = snapshot.spec
            bound_by = carried_annotations(inputs.holders, server=spec.server, port=spec.port)
            return self._left_alone(snapshot, state, existing, bound_by=bound_by)
        try:
            await check_consent(inputs.holders, snapshot.key.namespace, self._reader.read)
        except VerdictError as error:
            return self._failed(snapshot, state, _refused(error))
        if proven_time is None:
            state.needs_proof = True
            return None
        proven = ProvenSettings(
            login=inputs.login,
            holders=inputs.holders,
            references=tuple(references),
            mechanism=str(snapshot.spec.auth_mechanism),
            proven_at=proven_time,
        )
        return await self._write(snapshot, proven, state)

    async def remove(self, snapshot: Snapshot, state: PublicationState) -> SmtpConfigStatus | None:
        """Delete the Secret after ``publish`` was removed; return the status, None to try again later.

        Raises:
            ApiUnavailable, RequestRefused
        """
        assert snapshot.status.binding is not None
        try:
            gone = await self._secrets.removed(snapshot, snapshot.status.binding.name)
        except AccessDenied as error:
            log.warning("%s: its published Secret cannot be deleted: %s", snapshot.key, error.without_denial)
            gone = False
        if not gone:
            state.failed(self._attempt(snapshot), self._now())
            return None
        state.succeeded()
        return wording.withdrawn(snapshot, snapshot.status, enabled=self._enabled, now=self._now())

    # Statuses.

    def _left_alone(
        self,
        snapshot: Snapshot,
        state: PublicationState,
        existing: JsonObject | None,
        *,
        bound_by: Mapping[str, str] | None,
    ) -> SmtpConfigStatus | None:
        """Return the status of a Secret that changed while its proven values cannot be read."""
        status, published, secret = snapshot.status, snapshot.status.published, published_reference(snapshot)
        assert secret is not None
        if existing is None:
            state.succeeded()
            return wording.withdrawn(snapshot, status, enabled=self._enabled, now=self._now())
        if published is None or was_edited(existing, bound_by):
            return self._failed(snapshot, state, wording.edited(secret))
        state.succeeded()
        seen = published.model_copy(update={"secret": metadata_of(secret, existing).version})
        return self.judged(snapshot, status.model_copy(update={"published": seen}))

    def _failed(
        self, snapshot: Snapshot, state: PublicationState, failure: PublishFailure
    ) -> SmtpConfigStatus:
        state.failed(self._attempt(snapshot), self._now())
        return self._with(snapshot, snapshot.status, failure)

    def _with(
        self, snapshot: Snapshot, status: SmtpConfigStatus, failure: PublishFailure
    ) -> SmtpConfigStatus:
        return wording.judged(snapshot, status, enabled=self._enabled, now=self._now(), failure=failure)

    def _written(
        self,
        snapshot: Snapshot,
        status: SmtpConfigStatus,
        publish: Publish,
        proven: ProvenSettings,
        found: JsonObject,
    ) -> SmtpConfigStatus:
        metadata = found["metadata"]
        return wording.written(
            snapshot,
            status,
            publish,
            secret_version=f"{metadata['uid']}/{metadata['resourceVersion']}",
            proven_at=proven.proven_at,
            references=proven.references,
            now=self._now(),
        )

    # What is known.

    def _is_unchanged(self, snapshot: Snapshot, status: SmtpConfigStatus, publish: Publish) -> bool:
        """Return whether the Secret has exactly the proven values, without a read of it."""
        published = status.published
        return (
            published is not None
            and self._watched
            and wording.in_sync(snapshot, status)
            and wording.have_versions(published.references)
            and not depends_on_dialogue(snapshot, publish)
            and not self._known(snapshot).differs(published.secret)
        )

    def _known(self, snapshot: Snapshot) -> KnownSecret:
        secret = published_reference(snapshot)
        if secret is None or not self._tracker.known(secret):
            return KnownSecret(known=False, metadata=None)
        return KnownSecret(known=True, metadata=self._tracker.metadata(secret))

    def _attempt(self, snapshot: Snapshot) -> Hashable:
        """Return what an attempt depends on; if it changes, another one follows at once."""
        secret = published_reference(snapshot)
        named = [it.reference for it in self._tracker.all_uses(snapshot.uses)]
        found = [self._tracker.metadata(it) for it in ([secret] if secret else []) + named]
        return (snapshot.generation, snapshot.ready, *(it and it.version for it in found))


def _refused(error: VerdictError) -> PublishFailure:
    return PublishFailure(error.verdict.reason, error.verdict.message)
