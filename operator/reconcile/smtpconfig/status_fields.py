# SPDX-License-Identifier: Apache-2.0
"""Convert the findings of a test to fields of status.

All values are cut to the limits of the schema, because a rejected status would be a lost verdict.
"""

from typing import Final

from pydantic import TypeAdapter

from smtp_operator.api.durations import format_duration
from smtp_operator.api.status import (
    CertificateStatus,
    CurrentTest,
    LastTest,
    PasswordStatus,
    PhaseTime,
    RecipientResult,
    ServerStatus,
    SuggestedSettings,
)
from smtp_operator.api.timestamps import to_precise_timestamp, to_timestamp
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, ServerFacts, Verdict, cut
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.result import TestResult

_DIALOGUE_LINES: Final = 20
_LIST: Final = 64
_PHASES: Final = TypeAdapter(list[PhaseTime])


def last_test(outcome: TestResult) -> LastTest:
    """Return the facts about the test; the dialogue only if the test failed."""
    report = outcome.report
    return LastTest(
        trigger=str(outcome.trigger),
        mode=str(outcome.mode),
        start_time=to_precise_timestamp(outcome.started),
        duration=format_duration(report.duration),
        phase=_failed_phase(report),
        phases=_PHASES.validate_python(
            [
                {"name": str(phase), "duration": format_duration(seconds)}
                for phase, seconds in report.phases[:_LIST]
            ]
        ),
        server=_server(report.server),
        message_id=_short(report.message_id, 1024) if outcome.mode is Mode.SEND_EMAIL else None,
        response=_short(report.response, 1024),
        recipients=[
            RecipientResult(
                role=it.role, index=it.index, accepted=it.accepted, response=_short(it.response, 1024)
            )
            for it in report.recipients[:_LIST]
        ],
        dialogue=[] if report.verdict.passed else _dialogue(report),
    )


def current_test(test: RunTest, *, phase: Phase | None, started: float) -> CurrentTest:
    """Return the facts about a running test; ``started`` is in seconds since the epoch."""
    return CurrentTest(
        trigger=str(test.trigger),
        mode=str(test.mode),
        phase=None if phase is None else str(phase),
        start_time=to_precise_timestamp(started),
    )


def _failed_phase(report: DialogueReport) -> str | None:
    """Return where a failed test ended: the phase of its verdict, else the last one that it entered."""
    if report.verdict.passed:
        return None
    if report.verdict.phase is not None:
        return str(report.verdict.phase)
    return str(report.phases[-1].phase) if report.phases else None


def _server(server: ServerFacts) -> ServerStatus | None:
    if not server.address:
        return None
    certificate = server.certificate
    return ServerStatus(
        address=_short(server.address, 128),
        banner=_short(server.banner, 512),
        tls_version=_short(server.tls_version, 32),
        auth_mechanism=_short(server.auth_mechanism, 32),
        certificate=CertificateStatus(
            subject=_short(certificate.subject, 1024),
            issuer=_short(certificate.issuer, 1024),
            not_before=to_timestamp(certificate.not_before),
            not_after=to_timestamp(certificate.not_after),
        )
        if certificate
        else None,
    )


def _dialogue(report: DialogueReport) -> list[str]:
    """Return the end of the dialogue, where the failure is."""
    return [cut(line, limit=512) for line in report.dialogue[-_DIALOGUE_LINES:]]


def password_read(outcome: TestResult) -> PasswordStatus | None:
    """Return where the password came from; None if none was read."""
    if outcome.password is None:
        return None
    password = outcome.password
    return PasswordStatus(
        source=password.source,
        reference=_short(password.reference, 1024),
        version=_short(password.version or "", 256),
        expires=None if password.expires is None else to_timestamp(password.expires.timestamp()),
    )


def suggestion(verdict: Verdict) -> SuggestedSettings | None:
    """Return settings that a probe found to work; None if there are none."""
    found = verdict.suggestion
    if found is None:
        return None
    return SuggestedSettings(
        smtp_type=found.smtp_type and str(found.smtp_type),
        port=found.port,
        helo_name=_short(found.helo_name or "", 253),
        auth_mechanism=_short(found.auth_mechanism or "", 32),
    )


def _short(text: str, limit: int) -> str | None:
    return cut(text, limit=limit) if text else None
