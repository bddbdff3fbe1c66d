# SPDX-License-Identifier: Apache-2.0
"""The status of a new SmtpConfig has the result of a real dialogue."""

from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed
from smtp_tools.localcluster.ports import free_ports

pytestmark = pytest.mark.usefixtures("operator")

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
PASSWORD = "s3cret-Passw0rd"


def test_a_mail_over_plain_smtp_makes_it_ready(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server)

    assert (seen.ready.status, seen.reason) == ("True", "TestEmailSent")
    assert [mail.recipients for mail in server.mails] == [("ops@example.com",)]
    assert seen.last_test["messageId"].encode() in server.mails[0].content


@pytest.mark.parametrize("smtp_type", ["StartTLS", "TLS"])
def test_a_mail_after_a_login_over_verified_tls_makes_it_ready(
    bed: Bed, server: MailServer, smtp_type: str
) -> None:
    bed.secret("smtp-password", password=PASSWORD)

    seen = bed.verdict_of(server, smtp_type, tls=bed.trust(server), **LOGIN)

    assert seen.reason == "TestEmailSent"
    assert [(mail.username, mail.tls) for mail in server.mails] == [("mailer", True)]
    assert seen.last_test["server"]["tlsVersion"] == "TLSv1.3"


@pytest.mark.parametrize(
    ("mode", "reason", "deepest", "mails"),
    [
        ("Connect", "Connected", "Ehlo", 0),
        ("Login", "LoginSucceeded", "Auth", 0),
        ("Envelope", "EnvelopeAccepted", "RcptTo", 0),
        ("SendEmail", "TestEmailSent", "Data", 1),
    ],
)
def test_a_test_goes_as_deep_as_its_mode(
    bed: Bed, server: MailServer, mode: str, reason: str, deepest: str, mails: int
) -> None:
    bed.secret("smtp-password", password=PASSWORD)

    seen = bed.verdict_of(server, test={"mode": mode}, **LOGIN)

    assert seen.conditions == {"Ready": reason, "PasswordResolved": "PasswordRead"}
    assert seen.last_test["phases"][-1]["name"] == deepest
    assert len(server.mails) == mails


def test_a_wrong_password_is_authentication_failed(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password="not the password")

    seen = bed.verdict_of(server, **LOGIN)

    assert seen.status["summary"] == "AuthenticationFailed in Auth: 535 5.7.8"
    assert seen.conditions["Stalled"] == "AuthenticationFailed"
    assert [attempt.accepted for attempt in server.auth_attempts] == [False]


def test_a_failure_is_ready_false_and_failed_true_with_the_same_words(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password="not the password")

    seen = bed.verdict_of(server, **LOGIN)

    ready, failed = seen.ready, seen.condition("Failed")
    assert (ready.status, failed.status) == ("False", "True")
    assert (ready.reason, ready.message) == (failed.reason, failed.message)


def test_a_failure_says_what_the_server_said_and_which_field_to_look_at(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password="not the password")

    seen = bed.verdict_of(server, **LOGIN)

    assert "535 5.7.8 authentication failed" in seen.message
    assert "password" in seen.message
    assert any(line.startswith("S: 535") for line in seen.last_test["dialogue"])


def test_a_name_that_is_not_in_dns_is_host_not_found_and_waited_for(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, server="smtp.example.invalid")

    assert seen.conditions == {
        "Ready": "HostNotFound",
        "Failed": "HostNotFound",
        "Reconciling": "WaitingForDependency",
    }


def test_a_port_where_nothing_listens_is_connection_refused(bed: Bed, server: MailServer) -> None:
    (port,) = free_ports(1)

    assert bed.verdict_of(server, port=port).reason == "ConnectionRefused"


def test_start_tls_where_it_is_not_offered_is_said_before_any_password_is_sent(
    bed: Bed, server: MailServer
) -> None:
    bed.secret("smtp-password", password=PASSWORD)

    seen = bed.verdict_of(server, "StartTLS", port=server.plain_port, **LOGIN)

    assert seen.reason == "StartTlsNotOffered"
    assert server.auth_attempts == []


def test_tls_with_a_server_that_starts_in_plaintext_is_plaintext_server(bed: Bed, server: MailServer) -> None:
    assert bed.verdict_of(server, "TLS", port=server.starttls_port).reason == "PlaintextServer"


def test_a_certificate_of_an_unknown_ca_is_untrusted(bed: Bed, server: MailServer) -> None:
    assert bed.verdict_of(server, "StartTLS").reason == "CertificateUntrusted"


def test_a_certificate_for_another_name_is_a_mismatch(bed: Bed, server: MailServer) -> None:
    tls = bed.trust(server) | {"serverName": "other.example.com"}

    assert bed.verdict_of(server, "StartTLS", tls=tls).reason == "CertificateHostnameMismatch"


def test_a_refused_sender_is_from_address_rejected(bed: Bed, server: MailServer) -> None:
    server.refused_senders["noreply@example.com"] = "553 5.7.1 sender address rejected: not owned by user"

    assert bed.verdict_of(server).reason == "FromAddressRejected"


def test_all_recipients_refused_sends_no_mail(bed: Bed, server: MailServer) -> None:
    server.refused_recipients["ops@example.com"] = "550 5.1.1 no such user"

    assert bed.verdict_of(server).reason == "RecipientsRefused"
    assert server.mails == []


def test_rule_4_some_recipients_refused_the_others_get_the_mail(bed: Bed, server: MailServer) -> None:
    server.refused_recipients["gone@example.com"] = "550 5.1.1 no such user"

    seen = bed.verdict_of(server, recipients={"to": ["ops@example.com", "gone@example.com"]})

    assert (seen.ready.status, seen.reason) == ("False", "RecipientsPartiallyRefused")
    assert [mail.recipients for mail in server.mails] == [("ops@example.com",)]
    assert [it["accepted"] for it in seen.last_test["recipients"]] == [True, False]


def test_a_refused_message_is_message_rejected(bed: Bed, server: MailServer) -> None:
    server.replies["."] = "554 5.7.1 message rejected as spam"

    assert bed.verdict_of(server).reason == "MessageRejected"


def test_corrected_settings_become_ready(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, "TLS", port=server.plain_port)

    bed.change(smtpType="None")

    corrected = bed.verdict()
    assert corrected.conditions == {"Ready": "TestEmailSent"}
    assert corrected.status["observedGeneration"] == 2


def test_rule_5_a_suspended_object_without_a_verdict_is_not_tested(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, suspend=True)

    assert (seen.ready.status, seen.reason) == ("Unknown", "Suspended")
    assert server.connections_total == 0


def test_rule_6_a_new_interval_carries_the_verdict_over_without_a_test(bed: Bed, server: MailServer) -> None:
    before = bed.verdict_of(server)

    bed.change(recheck={"interval": "2h"})

    after = bed.verdict()
    assert after.ready.since == before.ready.since
    assert after.status["nextTestTime"] > before.status["nextTestTime"]
    assert len(server.mails) == 1
