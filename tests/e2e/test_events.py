# SPDX-License-Identifier: Apache-2.0
"""Events, the history of an SmtpConfig in `kubectl describe`."""

from datetime import UTC, datetime, timedelta

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

pytestmark = pytest.mark.usefixtures("operator")


def test_a_verdict_is_told_by_an_event(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server)

    event = bed.wait_for_event("TestEmailSent")

    assert (event["type"], event["action"], event["note"]) == ("Normal", "TestSendEmail", seen.message)
    assert event["regarding"]["uid"] == seen.metadata["uid"]
    assert event["reportingController"] == "smtp-operator.io/smtp-operator"


def test_a_failure_is_a_warning(bed: Bed, server: MailServer) -> None:
    server.refused_recipients["ops@example.com"] = "550 5.1.1 no such user"

    bed.verdict_of(server)

    assert bed.wait_for_event("RecipientsRefused")["type"] == "Warning"


def test_there_is_one_event_for_each_transition(bed: Bed, server: MailServer) -> None:
    server.refused_recipients["ops@example.com"] = "550 5.1.1 no such user"
    bed.verdict_of(server)
    bed.wait_for_event("RecipientsRefused")
    server.refused_recipients.clear()
    bed.change(recipients={"to": ["other@example.com"]})
    bed.verdict()
    bed.wait_for_event("TestEmailSent")

    assert [it["reason"] for it in bed.events()] == ["RecipientsRefused", "TestEmailSent"]


def test_a_transition_that_repeats_is_a_series(bed: Bed, server: MailServer) -> None:
    refused = {"ops@example.com": "550 5.1.1 no such user"}
    server.refused_recipients.update(refused)
    bed.verdict_of(server)
    server.refused_recipients.clear()
    bed.change(heloName="one.example.com")
    bed.verdict()
    server.refused_recipients.update(refused)
    bed.change(heloName="two.example.com")
    bed.verdict()

    path = f"/apis/events.k8s.io/v1/namespaces/{bed.namespace}/events"
    repeated = bed.api.wait_any(path, lambda it: it.get("series") is not None)

    assert (repeated["reason"], repeated["series"]["count"]) == ("RecipientsRefused", 2)
    assert [it["reason"] for it in bed.events()] == ["RecipientsRefused", "TestEmailSent"]


def test_the_same_verdict_again_is_no_event(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server)
    bed.change(recipients={"to": ["other@example.com"]})
    assert bed.verdict().status["observedGeneration"] == 2
    # The recorder keeps the order, so an Event of the second verdict would come before this one.
    bed.create(server, "marker")
    bed.verdict("marker")
    bed.wait_for_event("TestEmailSent", "marker")

    assert [it["reason"] for it in bed.events()] == ["TestEmailSent"]


def test_a_certificate_that_expires_soon_is_a_warning_beside_the_verdict(
    bed: Bed, server: MailServer
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10, hours=1)
    certificate = server.ca.issue_cert("127.0.0.1", not_before=ends - timedelta(days=90), not_after=ends)
    certificate.configure_cert(server.tls_context)

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server))
    event = bed.wait_for_event("CertificateExpiring")

    assert (seen.reason, seen.status["certificateExpiring"]) == (
        "TestEmailSent",
        f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    )
    assert event["type"] == "Warning"
    assert f" expires on {ends:%Y-%m-%d}, in 10 days. " in event["note"]
