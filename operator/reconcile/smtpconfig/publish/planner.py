# SPDX-License-Identifier: Apache-2.0
"""Decide whether the published Secret needs a write, a proof or nothing: a pure function."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.objects import ObjectMetadata, Reference, is_newer
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.reconcile.actions import RefreshStatus, Wait
from smtp_operator.reconcile.backoff import MINUTE
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.publish.state import PublicationState
from smtp_operator.reconcile.smtpconfig.publish.status import PUBLISHED, in_sync, publishing_since
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

RESTORE_SPACING: Final = MINUTE
"""Seconds between two restorations of an edited Secret, so that two controllers do not fight."""


@dataclass(frozen=True, slots=True)
class PublishSecret:
    """Make the Secret hold the proven settings."""


@dataclass(frozen=True, slots=True)
class RemoveSecret:
    """Delete the Secret, because ``publish`` was removed."""


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """The published Secret, as the watch reports it."""

    known: bool
    metadata: ObjectMetadata | None
    """None: it does not exist."""

    def differs(self, published: str) -> bool:
        """Return whether it is not the one that the operator wrote, ``uid/resourceVersion``."""
        if not self.known:
            return False
        uid, _, version = published.partition("/")
        found = self.metadata
        return found is None or found.uid != uid or is_newer(found.resource_version, version)


def published_reference(snapshot: Snapshot) -> Reference | None:
    """Return the Secret that exists as far as status says, or that spec names; None without publish."""
    if snapshot.spec.publish is not None:
        return Reference("Secret", snapshot.key.namespace, snapshot.spec.publish.secret_name)
    if snapshot.status.binding is not None:
        return Reference("Secret", snapshot.key.namespace, snapshot.status.binding.name)
    return None


def decide(
    snapshot: Snapshot,
    state: PublicationState,
    *,
    enabled: bool,
    secret: KnownSecret,
    attempt: Hashable,
    now: float,
) -> PublishSecret | RemoveSecret | RunTest | RefreshStatus | Wait:
    """Return the next step once nothing else is to be done; ``attempt`` is what an attempt depends on."""
    status, publish = snapshot.status, snapshot.spec.publish
    if snapshot.generation_is_new:
        return Wait(None)  # its verdict comes first
    condition = status.condition(PUBLISHED)
    if publish is None:
        if status.binding is None:
            return Wait(None) if condition is None else RefreshStatus()
        return _retried(RemoveSecret(), state, attempt, now) if enabled else Wait(None)
    if _condition_is_outdated(snapshot, enabled=enabled):
        return RefreshStatus()
    if not enabled or snapshot.spec.suspend:
        return Wait(None)
    published = status.published
    gone = published is not None and _is_bound(snapshot) and secret.differs(published.secret)
    passed = snapshot.has_verdict and snapshot.ready == "True"
    if not gone and not (passed and not in_sync(snapshot, status)):
        return Wait(None)
    since = publishing_since(status)
    if since is not None and since + MINUTE <= now:
        return RefreshStatus()  # the announcement lasts for a minute at most
    if state.needs_proof and passed:
        return RunTest(Trigger.RECHECK, snapshot.at_most(Mode.LOGIN))
    if gone and state.restored_at + RESTORE_SPACING > now:
        return Wait(state.restored_at + RESTORE_SPACING)
    step = _retried(PublishSecret(), state, attempt, now)
    if isinstance(step, Wait) and since is not None:
        return step.until_earlier(Wait(since + MINUTE))
    return step


def _retried(
    step: PublishSecret | RemoveSecret, state: PublicationState, attempt: Hashable, now: float
) -> PublishSecret | RemoveSecret | Wait:
    if state.attempt == attempt and state.retry_at > now:
        return Wait(state.retry_at)
    return step


def _is_bound(snapshot: Snapshot) -> bool:
    binding, publish = snapshot.status.binding, snapshot.spec.publish
    return binding is not None and publish is not None and binding.name == publish.secret_name


def _condition_is_outdated(snapshot: Snapshot, *, enabled: bool) -> bool:
    """Return whether the condition is missing, or says something else than the operator's flag."""
    if snapshot.ready is None:
        return False  # a test follows
    condition = snapshot.status.condition(PUBLISHED)
    if condition is None:
        return True
    return not enabled and condition.reason != Reason.PUBLISH_NOT_ENABLED
