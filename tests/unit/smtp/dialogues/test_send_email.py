# SPDX-License-Identifier: Apache-2.0
"""Mode SendEmail sends one email, over each kind of connection and with each kind of login."""

import re
from email import message_from_bytes, policy

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode, Phase, SmtpType
from smtp_testkit.mailpeers import AuthAttempt, MailServer
from smtp_testkit.mailpeers.trial import Trial, recipients

PORTS = {SmtpType.NONE: "plain_port", SmtpType.START_TLS: "starttls_port", SmtpType.TLS: "tls_port"}


@pytest.mark.parametrize("smtp_type", SmtpType)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_every_way_to_connect_and_log_in(
    trial: Trial, mailserver: MailServer, smtp_type: SmtpType, mechanism: str
) -> None:
    report = await trial(
        getattr(mailserver, PORTS[smtp_type]),
        smtp_type=smtp_type,
        ca_pem=mailserver.ca_pem,
        password="s3cret-pw",
        auth_mechanism=mechanism,
    )

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert mailserver.auth_attempts == [AuthAttempt(mechanism, "bob", True)]
    (mail,) = mailserver.mails
    assert (mail.sender, mail.recipients) == ("ops@example.com", ("dev@example.com",))
    assert (mail.username, mail.tls) == ("bob", smtp_type is not SmtpType.NONE)
    assert report.server.auth_mechanism == mechanism
    assert bool(report.server.tls_version) == (smtp_type is not SmtpType.NONE)


async def test_a_relay_without_login(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port)

    assert report.verdict.passed
    assert mailserver.auth_attempts == []


async def test_the_verdict_names_the_queue_id_and_does_not_promise_delivery(
    trial: Trial, mailserver: MailServer
) -> None:
    mailserver.replies["."] = "250 2.0.0 Ok: queued as 4F1B2"

    report = await trial(mailserver.plain_port)

    assert report.verdict.message == (
        "Accepted for delivery to 1 recipient by localhost (queue id 4F1B2). "
        "Accepted does not mean delivered. If the email does not arrive, check the spam folder. "
        "All recipients are in the From domain, so this proves nothing about other domains. Set a recipient "
        "elsewhere to test them."
    )
    assert report.response == "250 2.0.0 Ok: queued as 4F1B2"
    assert report.verdict.summary == "TestEmailSent"
    assert report.dialogue == ()


async def test_to_and_cc_are_in_headers_and_bcc_is_only_in_the_envelope(
    trial: Trial, mailserver: MailServer
) -> None:
    await trial(
        mailserver.plain_port,
        recipients=recipients(to=["a@example.com"], cc=["b@example.com"], bcc=["hidden@example.com"]),
    )

    (mail,) = mailserver.mails
    assert mail.recipients == ("a@example.com", "b@example.com", "hidden@example.com")
    parsed = message_from_bytes(mail.content, policy=policy.default)
    assert (parsed["To"], parsed["Cc"], parsed["Bcc"]) == ("a@example.com", "b@example.com", None)
    assert b"hidden" not in mail.content


async def test_the_subject_body_and_headers_of_the_caller_are_in_the_email(
    trial: Trial, mailserver: MailServer
) -> None:
    await trial(
        mailserver.plain_port,
        subject="Grüße",
        body="erste Zeile\n.Punkt\n",
        headers=(("X-Smtp-Operator", "team-a/corporate-mail"),),
        message_id="<abc@example.com>",
    )

    parsed = message_from_bytes(mailserver.mails[0].content, policy=policy.default)
    assert parsed["Subject"] == "Grüße"
    assert parsed["X-Smtp-Operator"] == "team-a/corporate-mail"
    assert parsed["Message-ID"] == "<abc@example.com>"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed.get_content() == "erste Zeile\r\n.Punkt\r\n"


async def test_a_message_id_is_generated_if_the_caller_gives_none(
    trial: Trial, mailserver: MailServer
) -> None:
    report = await trial(mailserver.plain_port)

    assert re.fullmatch(r"<\S+@example\.com>", report.message_id)
    assert f"Message-ID: {report.message_id}".encode() in mailserver.mails[0].content


async def test_the_report_has_phases_in_order_and_server_facts(trial: Trial, mailserver: MailServer) -> None:
    seen: list[Phase] = []

    report = await trial(
        mailserver.starttls_port,
        smtp_type=SmtpType.START_TLS,
        ca_pem=mailserver.ca_pem,
        password="s3cret-pw",
        on_phase=seen.append,
    )

    expected = [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.BANNER,
        Phase.EHLO,
        Phase.START_TLS,
        Phase.TLS,
        Phase.AUTH,
        Phase.MAIL_FROM,
        Phase.RCPT_TO,
        Phase.DATA,
    ]
    assert [timing.phase for timing in report.phases] == expected
    assert list(dict.fromkeys(seen)) == expected
    assert sum(timing.seconds for timing in report.phases) <= report.duration
    assert report.server.address == f"127.0.0.1:{mailserver.starttls_port}"
    assert report.server.banner == "mail.test"
    assert report.server.tls_version == "TLSv1.3"
    assert report.server.certificate is not None
    assert "mailpeers" in report.server.certificate.issuer
    assert report.mode is Mode.SEND_EMAIL


async def test_implicit_tls_times_the_handshake_apart_from_the_greeting(
    trial: Trial, mailserver: MailServer
) -> None:
    report = await trial(mailserver.tls_port, smtp_type=SmtpType.TLS, ca_pem=mailserver.ca_pem)

    phases = [timing.phase for timing in report.phases]
    assert phases[:4] == [Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.BANNER]


async def test_heloname_is_sent_in_ehlo(trial: Trial, mailserver: MailServer) -> None:
    await trial(mailserver.plain_port, helo_name="cluster.example.net")

    assert any("EHLO cluster.example.net" in line for line in mailserver.transcript)


async def test_without_heloname_ehlo_has_the_domain_of_from(trial: Trial, mailserver: MailServer) -> None:
    await trial(mailserver.plain_port, sender="ops@bücher.example")

    assert any("EHLO xn--bcher-kva.example" in line for line in mailserver.transcript)


async def test_a_non_ascii_address_is_sent_with_smtputf8(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, recipients=recipients(to=["jürgen@example.com"]))

    assert report.verdict.passed
    assert mailserver.mails[0].recipients == ("jürgen@example.com",)
    assert any("SMTPUTF8" in line for line in mailserver.transcript if "MAIL" in line)


async def test_an_unreachable_first_address_does_not_fail_the_test(
    trial: Trial, mailserver: MailServer
) -> None:
    trial.names.known["mail.example.com"] = ("127.0.0.66", "127.0.0.1")  # the first address has no listener

    report = await trial(mailserver.plain_port, server="mail.example.com")

    assert report.verdict.passed
    assert report.server.address == f"127.0.0.1:{mailserver.plain_port}"


@pytest.mark.parametrize(
    ("to", "bcc", "expected"),
    [
        (["dev@example.com"], [], True),
        (["dev@EXAMPLE.com"], ["audit@example.com"], True),
        (["dev@example.com", "dev@example.org"], [], False),
        (["dev@example.com"], ["audit@mail.example.com"], False),
    ],
)
async def test_a_note_says_that_all_recipients_are_in_the_from_domain(
    trial: Trial, mailserver: MailServer, to: list[str], bcc: list[str], expected: bool
) -> None:
    report = await trial(mailserver.plain_port, recipients=recipients(to=to, bcc=bcc))

    assert ("Set a recipient elsewhere" in report.verdict.message) is expected
