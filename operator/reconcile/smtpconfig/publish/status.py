# SPDX-License-Identifier: Apache-2.0
"""The condition ``Published``, ``status.published`` and ``status.binding``: pure functions of status."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.objects import Reference
from smtp_operator.api.publish import Publish
from smtp_operator.api.reasons import Reason
from smtp_operator.api.status import Binding, Condition, PublishedSettings, SmtpConfigStatus, TestedReference
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.api.verdict import Mode
from smtp_operator.reconcile.backoff import MINUTE
from smtp_operator.reconcile.condition_writer import ConditionWriter
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

PUBLISHED: Final = "Published"
"""The condition's type."""

_VERSIONLESS: Final = ("InputText", "KubernetesSecret", "OAuth2")
"""Sources whose version is that of the spec or of a referenced object."""
_STAYS: Final = frozenset({Reason.SECRET_EDITED})
"""Reasons that later failures of a test do not replace."""


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """Why the Secret is not as it must be."""

    reason: Reason
    message: str


def references_of_verdict(status: SmtpConfigStatus) -> list[TestedReference]:
    """Return what the verdict's values were read from, with the version of a vault's password."""
    found = list(status.tested.references) if status.tested else []
    password = status.password
    version = password and password_reference(password.source, password.reference or "", password.version)
    return [*found, *([version] if version else [])]


def password_reference(source: str, reference: str, version: str | None) -> TestedReference | None:
    """Return the version of a password that a vault keeps; None for other sources."""
    if source in _VERSIONLESS:
        return None
    return TestedReference(kind=source, name=reference, version=version)


def have_versions(references: Iterable[TestedReference]) -> bool:
    """Return whether the versions show which values were read; a vault may have none."""
    return all(it.version is not None for it in references)


def last_test_is_proof(snapshot: Snapshot, status: SmtpConfigStatus) -> bool:
    """Return whether the last test passed, and logged in as far as the settings can."""
    last, ready = status.last_test, status.condition("Ready")
    if last is None or ready is None or ready.status != "True" or last.phase is not None:
        return False
    success, started = from_timestamp(status.last_success_time), from_timestamp(last.start_time)
    if success is None or started is None or success < int(started):
        return False
    return proves(snapshot, last.mode)


def proves(snapshot: Snapshot, mode: str | None) -> bool:
    """Return whether a passed test of this mode proves values for settings that passed before."""
    known = mode in tuple(Mode)
    return known and Mode(str(mode)).depth >= snapshot.at_most(Mode.LOGIN).depth


def in_sync(snapshot: Snapshot, status: SmtpConfigStatus) -> bool:
    """Return whether the Secret has the settings of the verdict in ``status``, as far as status knows."""
    publish, published, condition = snapshot.spec.publish, status.published, status.condition(PUBLISHED)
    if publish is None or published is None or condition is None:
        return False
    return (
        condition.status == "True"
        and status.binding is not None
        and status.binding.name == publish.secret_name
        and published.generation == snapshot.generation
        and published.references == references_of_verdict(status)
        and publishing_since(status) is None
    )


def publishing_since(status: SmtpConfigStatus) -> float | None:
    """Return since when status announces a write of the Secret; None if it does not."""
    condition = status.condition("Reconciling")
    if condition is None or condition.reason != Reason.PUBLISHING:
        return None
    return from_timestamp(condition.last_transition_time) or 0.0


def carried(snapshot: Snapshot, status: SmtpConfigStatus) -> SmtpConfigStatus:
    """Return a status that says nothing new of publishing with the condition of the stored one."""
    before = snapshot.status.condition(PUBLISHED)
    if before is None or status.condition(PUBLISHED) is not None:
        return status
    return status.model_copy(update={"conditions": [*status.conditions, before]})


def judged(
    snapshot: Snapshot,
    status: SmtpConfigStatus,
    *,
    enabled: bool,
    now: float,
    failure: PublishFailure | None = None,
) -> SmtpConfigStatus:
    """Return a status with the condition that follows from its verdict and from ``failure``.

    If a write of the Secret is still to come, Reconciling announces it, for a minute at most.
    """
    others = [
        it
        for it in status.conditions
        if it.type != PUBLISHED and not (it.type == "Reconciling" and it.reason == Reason.PUBLISHING)
    ]
    publish = snapshot.spec.publish
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    if publish is None:
        kept = _kept(write) if status.binding is not None else None
        return status.model_copy(update={"conditions": [*others, *([kept] if kept else [])]})
    ready = status.condition("Ready")
    passed, announced = ready is not None and ready.status == "True", []
    if not enabled:
        condition = _failed(write, PublishFailure(Reason.PUBLISH_NOT_ENABLED, _NOT_ENABLED))
    elif failure is not None:
        condition = _failed(write, failure)
    elif snapshot.spec.suspend:
        condition = _kept(write) or _not_yet(write, "spec.suspend is true. Set suspend: false.")
    elif passed and in_sync(snapshot, status):
        condition = _published(write, publish, status.published)
    elif passed:
        since = publishing_since(snapshot.status)
        if since is None or now - since < MINUTE:
            condition = _kept(write) or _not_yet(write, "The operator is writing it.")
            announced = [_announcement(write, publish)]
        else:
            condition = _failed(
                write, PublishFailure(Reason.PUBLISH_FAILED, _not_written(publish.secret_name))
            )
    else:
        condition = _without_verdict(snapshot, write, publish, status)
    return status.model_copy(update={"conditions": [*others, *announced, condition]})


def written(
    snapshot: Snapshot,
    status: SmtpConfigStatus,
    publish: Publish,
    *,
    secret_version: str,
    proven_at: float,
    references: Iterable[TestedReference],
    now: float,
) -> SmtpConfigStatus:
    """Return the status once the Secret has the proven settings."""
    published = PublishedSettings(
        proven_time=to_timestamp(proven_at),
        generation=snapshot.generation,
        secret=secret_version,
        references=list(references),
    )
    write = ConditionWriter(snapshot.status, snapshot.generation, now)
    kept = [
        it
        for it in status.conditions
        if it.type != PUBLISHED and not (it.type == "Reconciling" and it.reason == Reason.PUBLISHING)
    ]
    ready = status.condition("Ready")
    passed = ready is not None and ready.status == "True"
    condition = (
        _published(write, publish, published) if passed else _kept_last_proven(write, publish, published)
    )
    return status.model_copy(
        update={
            "published": published,
            "binding": Binding(name=publish.secret_name),
            "conditions": [*kept, condition],
        }
    )


def withdrawn(snapshot: Snapshot, status: SmtpConfigStatus, *, enabled: bool, now: float) -> SmtpConfigStatus:
    """Return the status once there is no published Secret."""
    return judged(
        snapshot,
        status.model_copy(update={"published": None, "binding": None}),
        enabled=enabled,
        now=now,
    )


def edited(secret: Reference) -> PublishFailure:
    """Return the failure of a Secret that was edited and cannot be restored."""
    return PublishFailure(
        Reason.SECRET_EDITED,
        f"{secret} was edited, and the proven values can no longer be read, so it stays as it is. Delete it,"
        " or correct the settings; the operator writes it again after the next passed test.",
    )


def not_owned(secret: Reference) -> PublishFailure:
    """Return the failure of a Secret of someone else."""
    return PublishFailure(
        Reason.SECRET_NOT_OWNED,
        f"{secret} exists and does not belong to this SmtpConfig, so the operator does not touch it. Set"
        " publish.secretName to a name that no Secret has, or delete that Secret.",
    )


def denied(secret: Reference, error: AccessDenied) -> PublishFailure:
    """Return the failure of a request that the API server does not allow."""
    answer = error.without_denial
    if not error.lacks_permission:
        return not_accepted(secret, answer)
    return PublishFailure(
        Reason.PUBLISH_NOT_ENABLED,
        f"The operator may not write {secret}: {answer}. Ask a cluster admin to add the namespace to the"
        " value publish.namespaces of the Helm chart.",
    )


def not_accepted(secret: Reference, answer: str) -> PublishFailure:
    """Return the failure of a write that the API server did not accept."""
    return PublishFailure(
        Reason.PUBLISH_FAILED, f"{secret} was not written: {answer}. The operator tries again automatically."
    )


_NOT_ENABLED: Final = (
    "This operator publishes nothing, because it runs without --publish. Ask a cluster admin to set the value"
    " publish.namespaces of the Helm chart, or remove publish."
)


def _not_written(name: str) -> str:
    return f"Secret {name} was not written within a minute. The operator tries again automatically."


def _announcement(write: ConditionWriter, publish: Publish) -> Condition:
    text = f"The settings are proven; the operator writes them to Secret {publish.secret_name}."
    return write.condition("Reconciling", "True", Reason.PUBLISHING, text)


def _published(write: ConditionWriter, publish: Publish, published: PublishedSettings | None) -> Condition:
    since = "" if published is None else f", last proven at {published.proven_time}"
    text = f"Secret {publish.secret_name} has the settings of this SmtpConfig{since}."
    return write.condition(PUBLISHED, "True", Reason.PUBLISHED, text)


def _kept_last_proven(write: ConditionWriter, publish: Publish, published: PublishedSettings) -> Condition:
    text = (
        f"The current settings fail, so Secret {publish.secret_name} keeps those that were last proven at"
        f" {published.proven_time}. Correct the settings, as the condition Ready says."
    )
    return write.condition(PUBLISHED, "True", Reason.KEPT_LAST_PROVEN, text)


def _without_verdict(
    snapshot: Snapshot, write: ConditionWriter, publish: Publish, status: SmtpConfigStatus
) -> Condition:
    """Return the condition while the settings have not passed."""
    before, ready = write.before.condition(PUBLISHED), status.condition("Ready")
    gone = snapshot.status.published is not None and status.published is None
    if before is not None and before.reason in _STAYS and not gone:
        return before.model_copy(update={"observed_generation": write.generation})
    if status.published is None or status.binding is None:
        return _not_yet(write, "The settings have not passed a test yet, as the condition Ready says.")
    if ready is not None and ready.status == "False":
        return _kept_last_proven(
            write, publish.model_copy(update={"secret_name": status.binding.name}), status.published
        )
    return _kept(write) or _not_yet(write, "The settings are under test.")


def _kept(write: ConditionWriter) -> Condition | None:
    before = write.before.condition(PUBLISHED)
    return before and before.model_copy(update={"observed_generation": write.generation})


def _not_yet(write: ConditionWriter, why: str) -> Condition:
    return write.condition(
        PUBLISHED, "False", Reason.NOT_PROVEN_YET, f"There is no published Secret yet. {why}"
    )


def _failed(write: ConditionWriter, failure: PublishFailure) -> Condition:
    return write.condition(PUBLISHED, "False", failure.reason, failure.message)
