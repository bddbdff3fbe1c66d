# SPDX-License-Identifier: Apache-2.0
"""IMAP servers that hang, dribble, flood, lie or refuse: each has its reason, within time and size."""

import asyncio
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.imap import session
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers.certificates import Authority
from smtp_testkit.mailpeers.imapserver import (
    Fault,
    ImapServer,
    ImapTalk,
    dribbles,
    floods,
    hang,
    hang_up,
    says,
)

from .conftest import Look, email, login


async def injects(talk: ImapTalk, tag: str) -> None:
    await talk.say(f"{tag} OK begin TLS", "* CAPABILITY IMAP4rev1 AUTH=PLAIN")


async def a_literal_without_end(talk: ImapTalk, tag: str) -> None:
    await talk.say("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {99999999999}")
    await talk.reader.read()


_IN_TIME = {Reason.BANNER_TIMEOUT, Reason.REPLY_TIMEOUT}


@pytest.mark.parametrize(
    ("faults", "reason", "words"),
    [
        ({"greeting": hang}, Reason.BANNER_TIMEOUT, "sent no IMAP greeting within"),
        ({"greeting": hang_up}, Reason.CONNECTION_CLOSED_BY_SERVER, "closes the connection immediately"),
        ({"greeting": dribbles()}, Reason.BANNER_TIMEOUT, "sent no IMAP greeting within"),
        ({"greeting": floods()}, Reason.REPLY_INVALID, "not a valid IMAP reply"),
        ({"greeting": says("220 smtp.example.com ESMTP")}, Reason.REPLY_INVALID, "does not answer with IMAP"),
        ({"greeting": says("* BYE overloaded")}, Reason.CONNECTION_CLOSED_BY_SERVER, "overloaded"),
        ({"greeting": says("* PREAUTH welcome")}, Reason.REPLY_INVALID, "logged in already"),
        ({"AUTHENTICATE": hang}, Reason.REPLY_TIMEOUT, "did not answer the login within"),
        ({"AUTHENTICATE": hang_up}, Reason.AUTH_CONNECTION_DROPPED, "right after the login"),
        ({"AUTHENTICATE": dribbles()}, Reason.REPLY_TIMEOUT, "did not answer the login within"),
        ({"AUTHENTICATE": floods()}, Reason.REPLY_INVALID, "It sent more than the operator reads"),
        (
            {"AUTHENTICATE": says("{tag} NO [UNAVAILABLE] directory down")},
            Reason.AUTH_TEMPORARY_FAILURE,
            "[UNAVAILABLE] directory down",
        ),
        (
            {"AUTHENTICATE": says("{tag} NO [ALERT] Application-specific password required: 185833")},
            Reason.APP_PASSWORD_REQUIRED,
            "Create an app password",
        ),
        (
            {"AUTHENTICATE": says("{tag} NO [LIMIT] Too many simultaneous connections")},
            Reason.TOO_MANY_LOGINS,
            "allows no more logins",
        ),
        (
            {"AUTHENTICATE": says("{tag} NO AUTHENTICATE failed. IMAP access is disabled")},
            Reason.AUTH_DISABLED_BY_PROVIDER,
            "Have IMAP and this login enabled",
        ),
        ({"LIST": hang}, Reason.REPLY_TIMEOUT, "did not answer a command within"),
        ({"SEARCH": floods(b"* SEARCH 1 2 3\r\n")}, Reason.REPLY_INVALID, "more than the operator reads"),
        ({"SEARCH": floods(b"1234567890")}, Reason.REPLY_INVALID, "more than the operator reads"),
        ({"SEARCH": says("* BYE shutting down")}, Reason.CONNECTION_LOST, "shutting down"),
        ({"FETCH": a_literal_without_end}, Reason.REPLY_INVALID, "more than the operator reads"),
        (
            {"FETCH": says(f"* 1 FETCH {'(' * 3000}", "{tag} OK done")},
            Reason.REPLY_INVALID,
            "not a valid IMAP reply",
        ),
        ({"FETCH": says("{tag} BAD what")}, Reason.COMMAND_REJECTED, 'server said: "what"'),
    ],
)
async def test_each_fault_has_its_reason_in_time(
    look: Look, faults: dict[str, Fault], reason: Reason, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SILENCE", 1.0)
    async with ImapServer(faults=faults) as server:
        await server.deliver(email())
        report = await look(server, timeout=1.5 if reason in _IN_TIME else 60.0)

    assert report.failure is not None
    assert report.failure.reason is reason, report.failure.message
    assert words in report.failure.message
    assert len(report.failure.message.encode()) <= 1024


async def test_a_hostile_server_ends_with_the_time_of_the_look(look: Look) -> None:
    async with ImapServer(faults={"AUTHENTICATE": dribbles()}) as server:
        report = await look(server, timeout=2.0)

    assert report.failure is not None
    assert "within 2 s" in report.failure.message


async def test_a_canceled_look_leaves_its_thread(look: Look) -> None:
    async with ImapServer(faults={"AUTHENTICATE": hang}) as server:
        looking = asyncio.create_task(look(server, timeout=3600.0))
        await server.asked("AUTHENTICATE")
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert (await look(server, timeout=1.0)).failure is not None


async def test_a_rejected_password_names_its_origin_and_is_not_shown(look: Look) -> None:
    async with ImapServer() as server:
        report = await look(server, login=login("wrong-password-1"))

    assert report.failure is not None
    assert report.failure.retry is Retry.AUTHENTICATION
    assert report.failure.message == (
        'localhost rejected the password of user "probe@example.org" (from Secret probe, key password) [in'
        ' Auth, server said: "[AUTHENTICATIONFAILED] Authentication failed."]. Correct'
        " delivery.mailbox.username and delivery.mailbox.password."
    )


async def test_an_echo_of_the_password_is_hidden(look: Look) -> None:
    async with ImapServer(faults={"AUTHENTICATE": says("{tag} NO bad password mailbox-pw-echoed")}) as server:
        report = await look(server, login=login("mailbox-pw-echoed"))

    assert report.failure is not None
    assert "mailbox-pw-echoed" not in report.failure.message


async def test_a_server_without_plain_gets_login(look: Look) -> None:
    async with ImapServer(implicit=True) as server:
        server.faults["CAPABILITY"] = says("* CAPABILITY IMAP4rev1", "{tag} OK done")
        server.faults["greeting"] = says("* OK hello")
        await server.deliver(email())
        report = await look(server)

    assert report.found is not None
    assert "LOGIN" in server.verbs


@pytest.mark.parametrize("password", ["pässword", "line\r\nx LOGOUT"])
async def test_a_password_that_login_cannot_carry_is_not_sent(look: Look, password: str) -> None:
    async with ImapServer() as server:
        server.faults["CAPABILITY"] = says("* CAPABILITY IMAP4rev1", "{tag} OK done")
        server.faults["greeting"] = says("* OK hello")
        report = await look(server, login=login(password))

    assert report.failure is not None
    assert report.failure.reason is Reason.AUTH_MECHANISM_UNSUPPORTED
    assert "LOGIN" not in server.verbs


async def test_starttls_is_mandatory(look: Look) -> None:
    async with ImapServer(implicit=False) as server:
        server.faults["greeting"] = says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello")
        server.faults["CAPABILITY"] = says("* CAPABILITY IMAP4rev1 AUTH=PLAIN", "{tag} OK done")
        report = await look(server)

    assert report.failure is not None
    assert report.failure.reason is Reason.START_TLS_NOT_OFFERED
    assert "AUTHENTICATE" not in server.verbs


async def test_data_between_starttls_and_tls_ends_the_session(look: Look) -> None:
    async with ImapServer(implicit=False, faults={"STARTTLS": injects}) as server:
        report = await look(server)

    assert report.failure is not None
    assert report.failure.reason is Reason.REPLY_INVALID
    assert "AUTHENTICATE" not in server.verbs


async def test_a_refused_starttls(look: Look) -> None:
    async with ImapServer(implicit=False, faults={"STARTTLS": says("{tag} NO not now")}) as server:
        report = await look(server)

    assert report.failure is not None
    assert report.failure.reason is Reason.START_TLS_UNAVAILABLE


@pytest.mark.parametrize(
    ("tls", "reason", "words"),
    [
        (TlsSettings(), Reason.CERTIFICATE_UNTRUSTED, "Set delivery.mailbox.tls.caRef:"),
        (
            TlsSettings(ca_pem=Authority.make().pem),
            Reason.CERTIFICATE_UNTRUSTED,
            "Set delivery.mailbox.tls.caRef:",
        ),
    ],
)
@pytest.mark.parametrize("implicit", [True, False])
async def test_certificates_are_verified(
    look: Look, tls: TlsSettings, reason: Reason, words: str, implicit: bool
) -> None:
    async with ImapServer(implicit=implicit) as server:
        report = await look(server, tls=tls)

    assert report.failure is not None
    assert report.failure.reason is reason
    assert words in report.failure.message


async def test_the_name_in_the_certificate_is_verified(look: Look) -> None:
    async with ImapServer() as server:
        tls = TlsSettings(ca_pem=server.ca_pem, server_name="imap.example.org")
        report = await look(server, tls=tls)

    assert report.failure is not None
    assert report.failure.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH
    assert "delivery.mailbox.tls.serverName" in report.failure.message


async def test_a_server_without_tls(look: Look) -> None:
    async with ImapServer(implicit=False) as server:
        server.implicit = True
        report = await look(server)

    assert report.failure is not None
    assert report.failure.reason is Reason.PLAINTEXT_SERVER
    assert "Set delivery.mailbox.imapType: StartTLS" in report.failure.message


async def test_nothing_listens(look: Look, unused_tcp_port: int) -> None:
    async with ImapServer() as server:
        report = await look(server, port=unused_tcp_port)

    assert report.failure is not None
    assert report.failure.reason is Reason.CONNECTION_REFUSED


async def test_errors_of_the_library_are_never_raised(look: Look) -> None:
    async def odd(talk: ImapTalk, tag: str) -> None:
        await talk.say('* LIST (\\X "', "* 5 EXISTS", f"{tag} OK done")

    async with ImapServer(faults={"LIST": odd}) as server:
        report: Any = await look(server)

    assert report.failure is None or report.failure.reason is Reason.REPLY_INVALID
