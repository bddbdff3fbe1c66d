# SPDX-License-Identifier: Apache-2.0
"""Decide which values count as proven: pure functions of status and of what was read."""

from collections.abc import Mapping

from smtp_operator.api.objects import Reference
from smtp_operator.api.publish import Publish, PublishedField
from smtp_operator.api.smtpconfig import AuthMechanism
from smtp_operator.api.status import SmtpConfigStatus, TestedReference
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.verdict import SmtpType
from smtp_operator.reconcile.references.changes import ReferenceBaseline, settings_of_verdict
from smtp_operator.reconcile.smtpconfig.publish.secret import ProvenSettings
from smtp_operator.reconcile.smtpconfig.publish.status import (
    have_versions,
    last_test_is_proof,
    password_reference,
    proves,
    references_of_verdict,
)
from smtp_operator.reconcile.smtpconfig.result import PasswordResult, TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot

Versions = Mapping[Reference, ReferenceBaseline]


def in_generation(status: SmtpConfigStatus, snapshot: Snapshot) -> bool:
    """Return whether the Secret was already published for this generation."""
    return status.published is not None and status.published.generation == snapshot.generation


def is_proof(snapshot: Snapshot, status: SmtpConfigStatus, result: TestResult) -> bool:
    """Return whether a test proved its values; ``status`` is the one after it."""
    ready = status.condition("Ready")
    passed = result.verdict.passed and result.inputs is not None
    return passed and ready is not None and ready.status == "True" and proves(snapshot, str(result.mode))


def proven_by(result: TestResult, status: SmtpConfigStatus) -> ProvenSettings:
    """Return the settings that a test has proved, exactly as it used them."""
    assert result.inputs is not None
    server = result.report.server
    return ProvenSettings(
        login=result.inputs.login,
        holders=result.inputs.holders,
        references=tuple(references_of_verdict(status)),
        ca_chain=server.ca_chain,
        mechanism=server.auth_mechanism,
        proven_at=result.ended,
    )


def references_of_values(
    snapshot: Snapshot, password: PasswordResult | None, read: Versions
) -> list[TestedReference]:
    """Return the versions of what was read, in the form of ``references_of_verdict``."""
    found = settings_of_verdict(snapshot, read)
    facts = password and password_reference(password.source, password.reference, password.version)
    return [*found.references, *([facts] if facts else [])]


def proven_at(snapshot: Snapshot, publish: Publish, references: list[TestedReference]) -> float | None:
    """Return when exactly these values were proven, in seconds since the epoch; None: never."""
    status, published = snapshot.status, snapshot.status.published
    if not have_versions(references) or depends_on_dialogue(snapshot, publish):
        return None
    passed = snapshot.has_verdict and last_test_is_proof(snapshot, status)
    if passed and references == references_of_verdict(status):
        return snapshot.last_test_ended
    if published is not None and in_generation(status, snapshot) and references == published.references:
        return from_timestamp(published.proven_time)
    return None


def depends_on_dialogue(snapshot: Snapshot, publish: Publish) -> bool:
    """Return whether a value comes from the dialogue with the server, so that no version stands for it."""
    spec = snapshot.spec
    fields = {it.field for it in publish.all_keys}
    has_chain = spec.tls is not None and spec.tls.ca_ref is not None and spec.smtp_type is not SmtpType.NONE
    has_mechanism = spec.password is not None and spec.auth_mechanism is AuthMechanism.AUTO
    return (has_chain and PublishedField.CA_BUNDLE in fields) or (
        has_mechanism and PublishedField.AUTH_MECHANISM in fields
    )


def is_renamed(status: SmtpConfigStatus, publish: Publish) -> bool:
    """Return whether the published Secret still has an older name."""
    return status.binding is not None and status.binding.name != publish.secret_name
