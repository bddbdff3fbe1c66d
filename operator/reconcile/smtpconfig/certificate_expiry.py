# SPDX-License-Identifier: Apache-2.0
"""Report in advance that a mail server's certificate expires.

The report is ``status.certificateExpiring``. A test that finds such a certificate sets it; if no test is due
in time, the clock sets it. A test that finds another certificate removes it. The operator publishes one Event
for each certificate: status remembers it across restarts, and the process remembers it for a server whose
addresses present different certificates.
"""

import math
from typing import Final

from smtp_operator.api.objects import EventRecord
from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.api.timestamps import from_timestamp, to_timestamp
from smtp_operator.reconcile.backoff import DAY, HOUR
from smtp_operator.reconcile.smtpconfig.result import TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.state import SmtpConfigState

EXPIRING: Final = "CertificateExpiring"
"""Reason of the Event."""

AHEAD: Final = 14 * DAY
SHARE: Final = 1 / 3
"""A short-lived certificate is renewed in time if it is renewed in the last third of its lifetime."""


def report_from(not_before: float | None, not_after: float) -> float:
    """Return the time from which to report a certificate. All times are in seconds since the epoch."""
    life = math.inf if not_before is None else max(not_after - not_before, 0.0)
    return not_after - min(AHEAD, life * SHARE)


def expires_at(status: SmtpConfigStatus) -> float | None:
    """Return when the certificate that the last test found expires, in seconds since the epoch."""
    server = status.last_test.server if status.last_test else None
    not_after = server.certificate.not_after if server and server.certificate else None
    return from_timestamp(not_after or status.certificate_expiring)


def expiring_after_test(snapshot: Snapshot, outcome: TestResult) -> str | None:
    """Return ``certificateExpiring`` after a test; unchanged if the test found no certificate."""
    certificate = outcome.report.server.certificate
    if certificate is None:
        return snapshot.status.certificate_expiring if snapshot.has_verdict else None
    if outcome.ended < report_from(certificate.not_before, certificate.not_after):
        return None
    return to_timestamp(certificate.not_after)


def expiring_by_clock(snapshot: Snapshot, now: float) -> str | None:
    """Return ``certificateExpiring`` without a test, from the certificate that the last test found."""
    if not snapshot.has_verdict:
        return None
    due, last = report_due(snapshot), snapshot.status.last_test
    if due is None or now < due or last is None or last.server is None:
        return snapshot.status.certificate_expiring
    return last.server.certificate.not_after if last.server.certificate else None


def report_due(snapshot: Snapshot) -> float | None:
    """Return when status must report the last test's certificate; None if never, or if it already does."""
    server = snapshot.status.last_test.server if snapshot.status.last_test else None
    certificate = server.certificate if server else None
    not_after = from_timestamp(certificate.not_after) if certificate else None
    if certificate is None or not_after is None or snapshot.status.certificate_expiring is not None:
        return None
    return report_from(from_timestamp(certificate.not_before), not_after)


def newly_expiring(
    before: SmtpConfigStatus, after: SmtpConfigStatus, *, state: SmtpConfigState, now: float
) -> float | None:
    """Return when the certificate expires if ``after`` is the first status to report it; None otherwise."""
    ends = from_timestamp(after.certificate_expiring)
    reported = (before.certificate_expiring, *state.reported_expiries)
    return None if ends is None or ends <= now or after.certificate_expiring in reported else ends


def expiry_event(
    snapshot: Snapshot, after: SmtpConfigStatus, *, state: SmtpConfigState, now: float
) -> EventRecord | None:
    """Return the Event for an expiring certificate; None if ``after`` is not the first to report it."""
    ends = newly_expiring(snapshot.status, after, state=state, now=now)
    if ends is None:
        return None
    return EventRecord(
        key=snapshot.key,
        uid=snapshot.version.uid,
        type="Warning",
        reason=EXPIRING,
        action="LookAtCertificate",
        note=expiry_text(snapshot, after, ends=ends, now=now),
    )


def expiry_text(snapshot: Snapshot, after: SmtpConfigStatus, *, ends: float, now: float) -> str:
    """Return the text of the Event and of the email."""
    server = after.last_test.server if after.last_test else None
    certificate = server.certificate if server else None
    names = [f"subject {certificate.subject}"] if certificate and certificate.subject else []
    names += [f"issuer {certificate.issuer}"] if certificate and certificate.issuer else []
    names += [f"seen at {server.address}"] if server and server.address else []
    left = ends - now
    time = f"{left / DAY:.0f} days" if left >= 2 * DAY else f"{max(left / HOUR, 1):.0f} hours"
    return (
        f"The certificate of {snapshot.spec.server}:{snapshot.spec.port}"
        + (f" ({', '.join(names)})" if names else "")
        + f" expires on {to_timestamp(ends)[:10]}, in {time}. Have it renewed before then, and have the"
        " server restarted so that it loads the new one. After that date, tests fail with CertificateExpired."
        " This SmtpConfig needs no change."
    )
