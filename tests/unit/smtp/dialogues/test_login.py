# SPDX-License-Identifier: Apache-2.0
"""A test sends one AUTH with one mechanism, and never sends the password in a readable form."""

import gc

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Mode, Phase, SmtpType
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import FaultServer, reply
from smtp_testkit.mailpeers.trial import Trial


async def test_a_wrong_password_is_tried_once(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, password="wrong-pw")

    assert len(mailserver.auth_attempts) == 1
    assert report.verdict.reason is Reason.AUTHENTICATION_FAILED
    assert report.verdict.retry is Retry.AUTHENTICATION
    assert report.verdict.phase is Phase.AUTH
    assert report.verdict.reply == "535 5.7.8"
    assert report.verdict.message == (
        'localhost rejected user "bob" via PLAIN (password from Secret smtp-password, key password) '
        '[in Auth, server said: "535 5.7.8 authentication failed"]. Check the username and password.'
    )


@pytest.mark.parametrize("password", ["s3cret-pw", "wrong-pw"])
async def test_the_password_is_dropped_without_a_garbage_collection(
    trial: Trial, mailserver: MailServer, password: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        await trial(mailserver.plain_port, password=password)
        left = [it for it in gc.get_objects() if isinstance(it, Redactor)]
    finally:
        gc.enable()

    assert left == []


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        (("PLAIN", "LOGIN", "CRAM-MD5"), "PLAIN"),
        (("CRAM-MD5", "LOGIN"), "LOGIN"),
        (("CRAM-MD5",), "CRAM-MD5"),
        (("GSSAPI", "XOAUTH2", "LOGIN"), "LOGIN"),
    ],
)
async def test_auto_takes_the_first_offered_of_plain_login_cram_md5(
    trial: Trial, mailserver: MailServer, offered: tuple[str, ...], used: str
) -> None:
    mailserver.mechanisms = offered

    report = await trial(mailserver.plain_port, password="s3cret-pw")

    assert report.verdict.passed
    assert [attempt.mechanism for attempt in mailserver.auth_attempts] == [used]


@pytest.mark.parametrize(
    ("offered", "fix"),
    [
        (("XOAUTH2", "OAUTHBEARER"), "Use the oauth2 block instead of password."),
        (("GSSAPI",), "Use a server or port that offers PLAIN, LOGIN or CRAM-MD5."),
    ],
)
async def test_without_a_common_mechanism_there_is_no_login(
    trial: Trial, mailserver: MailServer, offered: tuple[str, ...], fix: str
) -> None:
    mailserver.mechanisms = offered

    report = await trial(mailserver.plain_port, password="s3cret-pw")

    assert report.verdict.reason is Reason.AUTH_MECHANISM_UNSUPPORTED
    assert report.verdict.message.endswith(fix)
    assert ", ".join(offered) in report.verdict.message
    assert not any("C: AUTH" in line for line in mailserver.transcript)


async def test_a_configured_mechanism_is_the_only_one(trial: Trial, mailserver: MailServer) -> None:
    mailserver.mechanisms = ("LOGIN",)

    report = await trial(mailserver.plain_port, password="s3cret-pw", auth_mechanism="PLAIN")

    assert report.verdict.reason is Reason.AUTH_MECHANISM_UNSUPPORTED
    assert report.verdict.message.endswith("Set authMechanism: Auto.")


async def test_a_username_from_a_secret_is_shown_as_one_line(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, username="bob\n\x1b[31m", password="s3cret-pw")

    assert report.verdict.reason is Reason.AUTHENTICATION_FAILED
    assert report.verdict.message.startswith('localhost rejected user "bob" via PLAIN')


async def test_a_mechanism_for_tokens_does_not_fit_a_password(trial: Trial, mailserver: MailServer) -> None:
    mailserver.mechanisms = ("PLAIN", "XOAUTH2")

    report = await trial(mailserver.plain_port, password="s3cret-pw", auth_mechanism="XOAUTH2")

    assert report.verdict.message == (
        "localhost offers the login mechanisms PLAIN, XOAUTH2, none of which works with a password [in "
        "Auth]. "
        "Use the oauth2 block instead of password."
    )


async def test_no_login_offered(trial: Trial, mailserver: MailServer) -> None:
    mailserver.users.clear()

    report = await trial(mailserver.plain_port, password="s3cret-pw")

    assert report.verdict.reason is Reason.AUTH_NOT_OFFERED
    assert "remove username and password" in report.verdict.message.lower()


async def test_a_login_offered_only_after_starttls_points_there(trial: Trial, mailserver: MailServer) -> None:
    mailserver.auth_without_tls = False

    report = await trial(mailserver.starttls_port, password="s3cret-pw")

    assert report.verdict.reason is Reason.AUTH_NOT_OFFERED
    assert "Set smtpType: StartTLS" in report.verdict.message


async def test_a_challenge_that_is_not_base64_ends_the_login(trial: Trial) -> None:
    async with FaultServer({"AUTH": reply("334 ***not base64***")}) as server:
        report = await trial(server.port, password="s3cret-pw", auth_mechanism="CRAM-MD5")

    assert report.verdict.reason is Reason.REPLY_INVALID
    assert report.verdict.phase is Phase.AUTH


async def test_a_server_that_sends_endless_challenges_gets_no_more_answers(trial: Trial) -> None:
    async with FaultServer({"AUTH": reply("334 more"), "line": reply("334 more")}) as server:
        report = await trial(server.port, password="s3cret-pw", auth_mechanism="LOGIN")

    assert report.verdict.reason is Reason.REPLY_INVALID


async def test_a_password_beyond_ascii_is_sent_as_utf8(trial: Trial, mailserver: MailServer) -> None:
    mailserver.users["bob"] = "sécret€"
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        report = await trial(mailserver.plain_port, password="sécret€", auth_mechanism=mechanism)

        assert report.verdict.passed


async def test_a_password_never_crosses_a_network_in_plaintext(trial: Trial, mailserver: MailServer) -> None:
    trial.names.known["mail.example.com"] = ("192.0.2.1",)
    trial.policy = type(trial.policy)(ports=trial.policy.ports)

    report = await trial(mailserver.plain_port, server="mail.example.com", password="s3cret-pw")

    assert report.verdict.reason is Reason.INSECURE_AUTH_REFUSED
    assert report.verdict.message == (
        "Refusing to send the password in plaintext (smtpType: None). Set smtpType: StartTLS or TLS. On a "
        "trusted network only, set allowInsecureAuth: true."
    )


@pytest.mark.parametrize("smtp_type", [SmtpType.START_TLS, SmtpType.TLS])
async def test_a_password_is_not_sent_over_unverified_tls(
    trial: Trial, mailserver: MailServer, smtp_type: SmtpType
) -> None:
    report = await trial(
        mailserver.tls_port, smtp_type=smtp_type, password="s3cret-pw", tls=TlsSettings(verify=False)
    )

    assert report.verdict.reason is Reason.INSECURE_AUTH_REFUSED
    assert mailserver.connections_total == 0


async def test_allow_insecure_auth_permits_a_password_in_plaintext(
    trial: Trial, mailserver: MailServer
) -> None:
    report = await trial(
        mailserver.tls_port,
        smtp_type=SmtpType.TLS,
        password="s3cret-pw",
        tls=TlsSettings(verify=False),
        allow_insecure_auth=True,
    )

    assert report.verdict.passed
    assert report.server.certificate is not None


async def test_mode_connect_works_without_verification_because_it_sends_no_password(
    trial: Trial, mailserver: MailServer
) -> None:
    report = await trial(
        mailserver.tls_port,
        smtp_type=SmtpType.TLS,
        password="s3cret-pw",
        tls=TlsSettings(verify=False),
        mode=Mode.CONNECT,
    )

    assert report.verdict.reason is Reason.CONNECTED
    assert mailserver.auth_attempts == []


async def test_starttls_is_mandatory(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, smtp_type=SmtpType.START_TLS, password="s3cret-pw")

    assert report.verdict.reason is Reason.START_TLS_NOT_OFFERED
    assert report.verdict.phase is Phase.START_TLS
    assert mailserver.auth_attempts == []
    assert mailserver.mails == []


async def test_a_middlebox_that_overwrites_starttls_is_named(trial: Trial) -> None:
    async with FaultServer({"EHLO": reply("250-fault.test\n250-XXXXXXXA\n250 SIZE 1000")}) as server:
        report = await trial(server.port, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.START_TLS_NOT_OFFERED
    assert "Cisco" in report.verdict.message
