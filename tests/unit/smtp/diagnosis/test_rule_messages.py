# SPDX-License-Identifier: Apache-2.0
"""Complete messages for refusals by provider, and their retries."""

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, SmtpType
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.replies import Reply
from smtp_testkit.replies import reply_of

SECRET = "Secret smtp-password, key password"


def message(phase: Phase, reply: str, context: DialogueContext) -> str:
    return classify(phase, reply_of(reply.split("\n")), context=context).message


def login_at(server: str, username: str = "bob") -> DialogueContext:
    return DialogueContext(
        server=server, login=True, user=f'user "{username}"', origin=SECRET, mechanism="PLAIN", tls=True
    )


@pytest.mark.parametrize(
    ("context", "reply", "expected"),
    [
        (
            login_at("mail.example.com"),
            "535 5.7.8 Error: authentication failed",
            'mail.example.com rejected user "bob" via PLAIN (password from Secret smtp-password, '
            'key password) [in Auth, server said: "535 5.7.8 Error: authentication failed"]. '
            "Check the username and password.",
        ),
        (
            login_at("smtp.sendgrid.net", "me@example.com"),
            "535 Authentication failed: Bad username / password",
            'smtp.sendgrid.net rejected user "me@example.com" via PLAIN (password from Secret smtp-password, '
            'key password) [in Auth, server said: "535 Authentication failed: Bad username / password"]. '
            "SendGrid's username is literally apikey. The password is an API key with Mail Send "
            "permission, without a trailing line break. Set username: apikey.",
        ),
        (
            login_at("email-smtp.eu-west-1.amazonaws.com", "AKIAEXAMPLE"),
            "535 Authentication Credentials Invalid",
            'email-smtp.eu-west-1.amazonaws.com rejected user "AKIAEXAMPLE" via PLAIN (password from Secret '
            'smtp-password, key password) [in Auth, server said: "535 Authentication Credentials Invalid"]. '
            "An SES SMTP password is derived from the IAM secret key and works in one region only. Create "
            "SMTP credentials in the SES console for the region in the server name.",
        ),
        (
            login_at("smtp.gmail.com", "me@gmail.com"),
            "535-5.7.8 Username and Password not accepted. For more information, go to\n"
            "535 5.7.8  https://support.google.com/mail/?p=BadCredentials x-gsmtp",
            'Gmail rejected user "me@gmail.com" via PLAIN (password from Secret smtp-password, '
            'key password) [in Auth, server said: "535 5.7.8 Username and Password not accepted. '
            'For more information, go to https://support.google.com/mail/?p=BadCredentials x-gsmtp"]. '
            "Gmail accepts only a 16-character app password, not the account's password. App passwords "
            "require 2-Step Verification. Create one at https://myaccount.google.com/apppasswords and store "
            "it as the password, or use oauth2.",
        ),
        (
            login_at("smtp.office365.com", "me@example.com"),
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            "Basic SMTP AUTH is disabled in Microsoft 365 for this tenant or mailbox [in Auth, server said: "
            '"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the '
            'Tenant."]. '
            "Security defaults, a policy or the retirement of Basic SMTP AUTH forbid logins with a "
            "password. Run Set-CASMailbox -SmtpClientAuthenticationDisabled $false, or use the oauth2"
            " block instead "
            "of password. Write it as oauth2: {tokenUrl: "
            "https://login.microsoftonline.com/TENANT/oauth2/v2.0/"
            "token, clientId: APPLICATION, scope: https://outlook.office365.com/.default, clientSecretRef:"
            " {name: "
            "SECRET, key: KEY}}.",
        ),
    ],
)
def test_fixes_for_a_rejected_login(context: DialogueContext, reply: str, expected: str) -> None:
    assert message(Phase.AUTH, reply, context) == expected


def test_an_authorization_code_is_an_app_password() -> None:
    reply = "535 Please log in with the authorization code of your mailbox"

    assert message(Phase.AUTH, reply, login_at("smtp.example.com")) == (
        'smtp.example.com requires an app password for user "bob" [in Auth, server said: "535 Please log '
        "in with "
        "the authorization code of your mailbox\"]. The account's password does not work for programs. "
        "Create an app password (some providers call it an authorization code) and store it as the password."
    )


def test_smtp_that_is_not_enabled() -> None:
    reply = "550 The SMTP service is not enabled for this mailbox"

    assert message(Phase.AUTH, reply, login_at("smtp.example.com")) == (
        'smtp.example.com does not allow user "bob" to log in with a password [in Auth, server said: "550 '
        'The SMTP service is not enabled for this mailbox"]. A setting of the provider or of the account '
        "disables it. Enable SMTP login there, or use the oauth2 block."
    )


def test_a_suspended_account_is_not_a_fault_of_the_email() -> None:
    context = DialogueContext(
        server="mail.example.com", user='user "bob"', logged_in=True, sender="ops@example.com"
    )
    reply = "552 Your account has been suspended. Please contact us to reactivate"

    assert message(Phase.DATA, reply, context) == (
        'mail.example.com accepted the login of user "bob", but the account may not send [in Data, server '
        'said: "552 Your account has been suspended. Please contact us to reactivate"]. '
        "The provider has suspended the account, has not activated it, or waits for an action of its owner. "
        "Do what the reply says, or ask the provider to activate the account."
    )


def test_postfix_rejects_the_heloname_at_rcpt() -> None:
    context = DialogueContext(server="mail.example.com", helo_name="smtp-operator-7f9c")
    reply = "504 5.5.2 <smtp-operator-7f9c>: Helo command rejected: need fully-qualified hostname"

    assert message(Phase.RCPT_TO, reply, context) == (
        'The server refuses "smtp-operator-7f9c", the host name that this client sends [in RcptTo, server '
        'said: "504 5.5.2 <smtp-operator-7f9c>: Helo command rejected: need fully-qualified hostname"]. '
        "Many servers require a full host name that resolves to the client's address. "
        "Set heloName: a full host name that exists in DNS."
    )


def test_postfix_rejects_the_sender_at_rcpt() -> None:
    context = DialogueContext(
        server="mail.example.com", user='user "bob"', logged_in=True, sender="ops@example.com"
    )
    reply = "553 5.7.1 <ops@example.com>: Sender address rejected: not owned by user bob"

    assert message(Phase.RCPT_TO, reply, context) == (
        'mail.example.com does not let user "bob" send as ops@example.com [in RcptTo, server said: '
        '"553 5.7.1 <ops@example.com>: Sender address rejected: not owned by user bob"]. '
        "The From address must be the user's address, or an address that the user may send as. "
        "Grant Send As on ops@example.com, or set from: the address of the user that logs in."
    )


def test_the_reason_for_refused_relaying_depends_on_the_login() -> None:
    reply = "454 4.7.1 <dev@gmail.com>: Relay access denied"
    anonymous = DialogueContext(server="mail.example.com", recipient="to[0] dev@gmail.com")
    bob = DialogueContext(
        server="mail.example.com", recipient="to[0] dev@gmail.com", user='user "bob"', logged_in=True
    )

    assert message(Phase.RCPT_TO, reply, anonymous) == (
        "mail.example.com does not relay to to[0] dev@gmail.com for this client [in RcptTo, server said: "
        '"454 4.7.1 <dev@gmail.com>: Relay access denied"]. '
        "Without a login, a server accepts email for its domains only, unless it knows the client's address. "
        "Set username: USER and its password, or ask the server's owner to let the cluster's egress "
        "address relay."
    )
    assert message(Phase.RCPT_TO, reply, bob) == (
        'mail.example.com does not relay to to[0] dev@gmail.com for user "bob" [in RcptTo, server said: '
        '"454 4.7.1 <dev@gmail.com>: Relay access denied"]. '
        "The server accepted the login, but this user may not send to that domain. "
        "Ask the server's owner to let this user relay."
    )


def test_a_server_that_requires_starttls() -> None:
    context = DialogueContext(server="mail.example.com", smtp_type=SmtpType.NONE)

    assert message(Phase.MAIL_FROM, "451 5.7.3 STARTTLS is required to send mail", context) == (
        "mail.example.com requires encryption [in MailFrom, server said: "
        '"451 5.7.3 STARTTLS is required to send mail"]. smtpType is None. Set smtpType: StartTLS.'
    )


def test_ses_in_the_sandbox_names_the_rejected_address() -> None:
    context = DialogueContext(server="email-smtp.eu-west-1.amazonaws.com", sender="ops@example.com")
    words = (
        "554 Message rejected: Email address is not verified. The following identities failed the check in "
    )

    sender = message(Phase.DATA, f"{words}region EU-WEST-1: ops@example.com", context)
    recipient = message(Phase.DATA, f"{words}region EU-WEST-1: dev@gmail.com", context)

    assert sender.startswith(
        "Amazon SES does not accept email from ops@example.com: the address is not verified"
    )
    assert recipient.startswith("Amazon SES does not send to a recipient that is not verified")


@pytest.mark.parametrize(
    ("phase", "reply", "reason", "retry"),
    [
        (Phase.RCPT_TO, "454 4.7.1 Relay access denied", Reason.RELAY_DENIED, Retry.POLICY),
        (Phase.MAIL_FROM, "451 5.7.3 STARTTLS is required", Reason.START_TLS_REQUIRED, Retry.CONFIGURATION),
        (Phase.AUTH, "535 5.7.8 no", Reason.AUTHENTICATION_FAILED, Retry.AUTHENTICATION),
        (Phase.AUTH, "454 4.7.0 later", Reason.AUTH_TEMPORARY_FAILURE, Retry.SLOW),
        (Phase.RCPT_TO, "450 4.7.1 greylisted", Reason.GREYLISTED, Retry.GREYLISTED),
        (Phase.DATA, "452 4.3.1 disk full", Reason.QUOTA_OR_RATE_EXCEEDED, Retry.SLOW),
        (Phase.DATA, "421 4.3.2 closing", Reason.SERVICE_CLOSING, Retry.TRANSIENT),
        (Phase.BANNER, "554 5.7.1 blocked", Reason.CLIENT_BLOCKED, Retry.POLICY),
        (Phase.BANNER, "421 4.3.2 busy", Reason.SERVER_NOT_ACCEPTING, Retry.TRANSIENT),
    ],
)
def test_4xx_does_not_always_mean_retry(phase: Phase, reply: str, reason: Reason, retry: Retry) -> None:
    verdict = classify(phase, reply_of([reply]))

    assert (verdict.reason, verdict.retry) == (reason, retry)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Greylisted, please try again in 180 seconds", 180),
        ("greylisted, come back in 5 minutes", 300),
        ("Greylisting: retry after 1 hour", 3600),
        ("greylisted for 10 min", 600),
        ("greylisted", None),
        ("greylisted, come back in 90000 hours", None),
    ],
)
def test_a_retry_waits_as_long_as_the_server_asks(words: str, seconds: float | None) -> None:
    assert classify(Phase.RCPT_TO, reply_of([f"450 4.7.1 {words}"])).retry_after == seconds


def test_the_summary_fits_a_column() -> None:
    assert classify(Phase.AUTH, reply_of(["535 5.7.8 no"])).summary == (
        "AuthenticationFailed in Auth: 535 5.7.8"
    )


@pytest.mark.parametrize("code", [250, 334, 354, 220])
@pytest.mark.parametrize("phase", [Phase.EHLO, Phase.AUTH, Phase.MAIL_FROM, Phase.RCPT_TO, Phase.DATA])
def test_an_unexpected_success_code_is_not_a_refusal(phase: Phase, code: int) -> None:
    assert classify(phase, Reply.of(code, "fine")).reason is Reason.REPLY_INVALID
