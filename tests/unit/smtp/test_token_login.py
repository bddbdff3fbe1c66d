# SPDX-License-Identifier: Apache-2.0
"""Login with XOAUTH2 and OAUTHBEARER, messages about refused tokens, and no token in any output."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from smtp_operator.api.reasons import Retry
from smtp_operator.api.verdict import Phase, SmtpType, Verdict
from smtp_operator.smtp.request import SmtpLogin
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial

TOKEN = "eyJ0eXAiOiJKV1QiLCJub25jZSI6Im" + "c4nary-T0ken_" * 120
MAILBOX = "noreply@example.com"


def by_token(token: str = TOKEN, username: str = MAILBOX) -> SmtpLogin:
    return SmtpLogin(
        username=username,
        password=token,
        origin="access token of client app with Secret mail-app, key client-secret",
        by_token=True,
    )


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """Start a server with one token and one password."""
    async with MailServer(tokens={TOKEN}, users={"bob": "s3cret"}) as running:
        yield running


@pytest.fixture
def tls(server: MailServer) -> dict[str, Any]:
    return {"smtp_type": SmtpType.START_TLS, "ca_pem": server.ca_pem}


@pytest.mark.parametrize(
    ("offered", "wanted", "used"),
    [
        (("XOAUTH2", "OAUTHBEARER"), "Auto", "XOAUTH2"),
        (("OAUTHBEARER", "XOAUTH2"), "Auto", "XOAUTH2"),
        (("OAUTHBEARER",), "Auto", "OAUTHBEARER"),
        (("XOAUTH2", "OAUTHBEARER"), "OAUTHBEARER", "OAUTHBEARER"),
    ],
)
async def test_a_token_has_its_own_login_mechanisms(
    trial: Trial, server: MailServer, tls: dict[str, Any], offered: tuple[str, ...], wanted: str, used: str
) -> None:
    server.token_mechanisms = offered

    report = await trial(server.starttls_port, login=by_token(), auth_mechanism=wanted, **tls)

    assert report.verdict.reason == "TestEmailSent"
    assert report.server.auth_mechanism == used
    assert [(it.mechanism, it.username, it.accepted) for it in server.auth_attempts] == [
        (used, MAILBOX, True)
    ]


async def test_a_username_with_special_characters_of_gs2(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    login = by_token(username="a=b,c@example.com")

    await trial(server.starttls_port, login=login, auth_mechanism="OAUTHBEARER", **tls)

    assert [attempt.username for attempt in server.auth_attempts] == ["a=b,c@example.com"]


async def test_a_password_is_never_sent_as_a_token(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    report = await trial(server.starttls_port, username="bob", password="s3cret", **tls)

    assert report.server.auth_mechanism == "PLAIN"


def rejected(verdict: Verdict) -> str:
    """Return the message about a token that the mail server rejected."""
    assert (verdict.reason, verdict.retry, verdict.phase) == (
        "OAuthTokenRejected",
        Retry.AUTHENTICATION,
        Phase.AUTH,
    )
    return verdict.message


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_the_servers_error_is_decoded_and_answered(
    trial: Trial, server: MailServer, tls: dict[str, Any], mechanism: str
) -> None:
    server.tokens = set()

    report = await trial(server.starttls_port, login=by_token(), auth_mechanism=mechanism, **tls)

    assert rejected(report.verdict) == (
        f'localhost rejected the access token for user "{MAILBOX}" via {mechanism} (status 401, scope'
        ' https://mail.test/) [in Auth, server said: "535 5.7.8 authentication failed"]. The token is'
        " valid but has another scope, or its client may not use this mailbox. Set oauth2.scope: the scope "
        "that the server names, and username: the mailbox that the client may use."
    )
    assert len(server.auth_attempts) == 1


async def test_an_error_without_a_status_is_left_out(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    server.tokens = set()
    server.token_error = {}

    message = rejected((await trial(server.starttls_port, login=by_token(), **tls)).verdict)

    assert message.startswith(
        f'localhost rejected the access token for user "{MAILBOX}" via XOAUTH2 [in Auth,'
    )


async def test_an_error_that_repeats_the_token_does_not_show_it(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    server.tokens = set()
    server.token_error = {"status": TOKEN, "scope": base64.b64encode(TOKEN.encode()).decode()}

    report = await trial(server.starttls_port, login=by_token(), **tls)

    assert "c4nary" not in repr(report)
    assert TOKEN[:40] not in repr(report)
    assert base64.b64encode(TOKEN.encode()).decode()[100:140] not in repr(report)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_a_token_that_the_server_echoes_is_not_shown(
    trial: Trial, server: MailServer, tls: dict[str, Any], mechanism: str
) -> None:
    token = TOKEN[:300]  # short enough for an initial response
    blob = f"user={MAILBOX}\1auth=Bearer {token}\1\1"
    if mechanism == "OAUTHBEARER":
        blob = f"n,a={MAILBOX},\1auth=Bearer {token}\1\1"
    encoded = base64.b64encode(blob.encode()).decode()
    server.replies["AUTH"] = f"535 5.7.8 no: {token[150:270]} {encoded[300:420]}"

    report = await trial(server.starttls_port, login=by_token(token), auth_mechanism=mechanism, **tls)

    assert "c4nary" not in repr(report)
    assert encoded[310:340] not in repr(report)
    assert f"C: AUTH {mechanism} ********" in report.dialogue


async def test_microsoft_365_names_the_permissions_of_an_application(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    server.replies["AUTH"] = "535 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]"

    report = await trial(server.starttls_port, login=by_token(), **tls)

    assert rejected(report.verdict) == (
        f'Microsoft 365 rejected the access token for user "{MAILBOX}" via XOAUTH2 [in Auth, server said:'
        ' "535'
        ' 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]"].'
        " The application needs the permission SMTP.SendAsApp with admin consent, a service principal in "
        "Exchange (New-ServicePrincipal) and access to the mailbox (Add-MailboxPermission -AccessRights "
        "FullAccess). Set oauth2.scope:"
        " https://outlook.office365.com/.default and username: the mailbox's full address."
    )


async def test_a_server_without_a_mechanism_for_tokens(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    server.tokens = None

    verdict = (await trial(server.starttls_port, login=by_token(), **tls)).verdict

    assert verdict.reason == "AuthMechanismUnsupported"
    assert verdict.message == (
        "localhost offers the login mechanisms PLAIN, LOGIN, CRAM-MD5, none of which works with an access"
        " token"
        " [in Auth]. Use the password block instead of oauth2."
    )
    assert server.auth_attempts == []


async def test_a_mechanism_that_is_not_offered_is_replaced_by_one_that_is(
    trial: Trial, server: MailServer, tls: dict[str, Any]
) -> None:
    server.token_mechanisms = ("OAUTHBEARER",)

    verdict = (await trial(server.starttls_port, login=by_token(), auth_mechanism="XOAUTH2", **tls)).verdict

    assert verdict.message == (
        "localhost offers the login mechanisms PLAIN, LOGIN, CRAM-MD5, OAUTHBEARER, not XOAUTH2 [in Auth]."
        " Set"
        " authMechanism: Auto."
    )
    assert verdict.suggestion is not None
    assert verdict.suggestion.auth_mechanism == "Auto"


async def test_a_token_in_plaintext_is_refused(trial: Trial, server: MailServer) -> None:
    trial.policy = type(trial.policy)(ports=trial.policy.ports)
    trial.names.known["localhost"] = ("192.0.2.1",)

    verdict = (await trial(server.plain_port, login=by_token())).verdict

    assert verdict.message == (
        "Refusing to send the access token in plaintext (smtpType: None). Set smtpType: StartTLS or TLS. "
        "On a trusted network only, set allowInsecureAuth: true."
    )
