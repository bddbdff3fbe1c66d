# SPDX-License-Identifier: Apache-2.0
"""From what a test found to the fields of status that tell it."""

from smtp_operator.api.durations import format_duration
from smtp_operator.api.status import (
    CertificateFacts,
    LastTest,
    PasswordRead,
    PhaseTime,
    RecipientResult,
    ServerMet,
    SuggestedSettings,
    TestedReference,
    TestedSettings,
)
from smtp_operator.api.verdict import Verdict
from smtp_operator.reconcile.outcome import Outcome
from smtp_operator.reconcile.timestamps import to_precise_timestamp, to_timestamp


def tested(digest: str, outcome: Outcome) -> TestedSettings:
    """What the verdict stands on."""
    references = [
        TestedReference(kind=reference.kind, name=reference.name, version=baseline.version)
        for reference, baseline in sorted(outcome.read.items())
    ]
    return TestedSettings(settings=digest, references=references)


def last_test(outcome: Outcome) -> LastTest:
    """The test itself; the dialogue only where it failed."""
    report = outcome.report
    server = report.server
    certificate = server.certificate
    return LastTest(
        trigger=str(outcome.trigger),
        mode=str(outcome.mode),
        start_time=to_precise_timestamp(outcome.started),
        duration=format_duration(report.duration),
        phases=[PhaseTime(name=str(it.phase), duration=format_duration(it.seconds)) for it in report.phases],
        server=ServerMet(
            address=server.address or None,
            banner=server.banner or None,
            tls_version=server.tls_version or None,
            auth_mechanism=server.auth_mechanism or None,
            certificate=CertificateFacts(
                subject=certificate.subject,
                issuer=certificate.issuer,
                not_after=to_timestamp(certificate.not_after),
            )
            if certificate
            else None,
        )
        if server.address
        else None,
        message_id=report.message_id or None,
        response=report.response or None,
        recipients=[
            RecipientResult(role=it.role, index=it.index, accepted=it.accepted, response=it.response or None)
            for it in report.recipients
        ],
        dialogue=[] if report.verdict.passed else list(report.dialogue),
    )


def password_read(outcome: Outcome) -> PasswordRead | None:
    """Where the password came from, if one was read."""
    if outcome.password is None:
        return None
    facts = outcome.password
    return PasswordRead(source=facts.source, reference=facts.reference, version=facts.version)


def suggestion(verdict: Verdict) -> SuggestedSettings | None:
    """Settings that a probe found to work."""
    found = verdict.suggestion
    if found is None:
        return None
    return SuggestedSettings(
        smtp_type=found.smtp_type and str(found.smtp_type),
        port=found.port,
        helo_name=found.helo_name,
        auth_mechanism=found.auth_mechanism,
    )
