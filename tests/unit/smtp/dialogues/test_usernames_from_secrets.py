# SPDX-License-Identifier: Apache-2.0
"""A username from a Secret is a credential: the mail server receives it, and no output shows it."""

import base64
import logging
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode
from smtp_operator.smtp.request import SmtpLogin
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, drop, raw, reply, then
from smtp_testkit.mailpeers.trial import Trial

USERNAME = "c4nary-Value.of@another-Secret"
ORIGIN = "Secret smtp-login, key username"
LOGIN: dict[str, Any] = {"username": USERNAME, "username_origin": ORIGIN, "password": "s3cret-pw"}
NAMED = "the user from Secret smtp-login, key username"


def leaks(report: DialogueReport) -> bool:
    """Return whether the report shows the username, its parts or its base64."""
    text = repr(report).casefold()
    encoded = base64.b64encode(USERNAME.encode()).decode().casefold()
    return any(form in text for form in ("c4nary", "value.of", "another-secret", encoded[:16]))


async def test_an_accepted_user_is_named_by_origin(trial: Trial, mailserver: MailServer) -> None:
    mailserver.users[USERNAME] = "s3cret-pw"

    report = await trial(mailserver.plain_port, mode=Mode.LOGIN, **LOGIN)

    assert report.verdict.message == f"localhost accepted {NAMED} via PLAIN."
    assert not leaks(report)


async def test_a_rejected_user_is_named_by_origin(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, **LOGIN)

    assert report.verdict.message == (
        f"localhost rejected {NAMED} via PLAIN (password from Secret smtp-password, key password) [in Auth,"
        ' server said: "535 5.7.8 authentication failed"]. Check the username and password.'
    )
    assert not leaks(report)


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        ("AUTH", reply("550 The SMTP service is not enabled for this mailbox"), None),
        ("AUTH", reply("535 5.7.8 Username and Password not accepted - gsmtp"), None),
        ("AUTH", reply("534 5.7.9 Application-specific password required"), None),
        ("AUTH", reply("454 4.7.0 Too many login attempts, please try again later"), None),
        ("AUTH", reply("535 5.7.8 account is disabled"), None),
        ("AUTH", drop(), Reason.AUTH_CONNECTION_DROPPED),
        ("MAIL", reply("530 5.7.0 Authentication required"), None),
        ("MAIL", reply("550 5.7.60 SMTP; Client does not have permissions to send as this sender"), None),
        ("RCPT", reply("554 5.7.1 <dev@example.com>: Relay access denied"), Reason.RELAY_DENIED),
        ("RCPT", reply("553 5.7.1 Sender address rejected: not owned by user"), None),
        (".", reply("552 Your account has been suspended. Please contact us to reactivate"), None),
    ],
)
async def test_every_message_about_the_user_names_its_origin(
    trial: Trial, step: str, answer: Action, reason: Reason | None
) -> None:
    async with FaultServer({step: answer}) as server:
        report = await trial(server, **LOGIN)

    assert NAMED in report.verdict.message
    assert reason in (None, report.verdict.reason)
    assert not leaks(report)


@pytest.mark.parametrize("step", ["banner", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("code", ["550 5.7.1", "250 2.0.0", "535 5.7.8"])
@pytest.mark.parametrize("form", ["plain", "base64", "upper case", "local part"])
async def test_a_server_that_echoes_the_username(trial: Trial, step: str, code: str, form: str) -> None:
    echoes = {
        "plain": USERNAME,
        "base64": base64.b64encode(USERNAME.encode()).decode(),
        "upper case": USERNAME.upper(),
        "local part": USERNAME.partition("@")[0],
    }
    code = {"banner": "220", "EHLO": "250", "DATA": "354"}.get(step, code)
    said = raw(f"{code} {echoes[form]} is not allowed for user {echoes[form]}\r\n".encode())
    async with FaultServer({step: then(said, drop()) if code != "250" else said}) as server:
        report = await trial(server, **LOGIN)

    assert not leaks(report)


async def test_a_token_login_of_a_secret_user(trial: Trial) -> None:
    login = SmtpLogin(
        username=USERNAME,
        username_origin=ORIGIN,
        password="an-access-token",
        origin="access token of client app with Secret mail-app, key client-secret",
        by_token=True,
    )
    told = base64.b64encode(f'{{"status":"400","scope":"{"x" * 70}{USERNAME}"}}'.encode()).decode()
    script = {
        "EHLO": raw(b"250-mail.test\r\n250 AUTH XOAUTH2\r\n"),
        "AUTH": reply(f"334 {told}"),
        "line": reply(f"535 5.7.8 bad token of {USERNAME}"),
    }
    async with FaultServer(script) as server:
        report = await trial(server, login=login)

    assert f"rejected the access token for {NAMED}" in report.verdict.message
    assert not leaks(report)


async def test_no_part_of_the_username_is_logged_or_printed(
    trial: Trial, mailserver: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await trial(mailserver.plain_port, **LOGIN)

    assert "c4nary" not in caplog.text
    assert "c4nary" not in repr(trial.settings(25, **LOGIN))


async def test_a_username_of_the_spec_is_shown(trial: Trial, mailserver: MailServer) -> None:
    report = await trial(mailserver.plain_port, mode=Mode.LOGIN, password="s3cret-pw")

    assert report.verdict.message == 'localhost accepted user "bob" via PLAIN.'
