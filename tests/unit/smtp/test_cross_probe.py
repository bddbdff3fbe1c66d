# SPDX-License-Identifier: Apache-2.0
"""A probe without credentials tells wrong smtpType from wrong port, and the verdict names the change."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType, Suggestion
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import (
    FaultServer,
    ScriptedConnection,
    drop,
    raw,
    reply,
    silence,
    then,
)
from smtp_testkit.mailpeers.trial import Trial

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("smtp_type", [SmtpType.NONE, SmtpType.START_TLS])
async def test_a_plaintext_client_at_a_tls_port(trial: Trial, smtp_type: SmtpType) -> None:
    async with FaultServer(tls="implicit") as server:
        report = await trial(server, smtp_type=smtp_type, password="s3cret-pw")

        assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER
        assert report.verdict.suggestion == Suggestion(smtp_type=SmtpType.TLS)
        assert report.verdict.message == (
            f"localhost:{server.port} expects TLS from the first byte, but smtpType is {smtp_type} "
            "[in Banner]. A second connection, without the password, found this. Set smtpType: TLS."
        )
        assert server.connections == 2
        assert not any(b"AUTH" in line for line in server.received)


async def test_a_tls_port_that_hangs_up_on_a_plaintext_client(trial: Trial) -> None:
    """Close early, as some servers do that receive no ClientHello."""
    async with FaultServer({"handshake": [drop(), then()]}, tls="implicit") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER


async def test_a_tls_client_at_a_plaintext_port_with_starttls(trial: Trial) -> None:
    async with FaultServer(tls="starttls") as server:
        report = await trial(server, smtp_type=SmtpType.TLS, ca_pem=server.ca_pem, password="s3cret-pw")

        assert report.verdict.reason is Reason.PLAINTEXT_SERVER
        assert report.verdict.suggestion == Suggestion(smtp_type=SmtpType.START_TLS)
        assert report.verdict.message == (
            f"localhost:{server.port} answers in plaintext, but smtpType is TLS [in Tls]. A second "
            f"connection, without the password, found this. Set smtpType: StartTLS (or port: 465 for TLS "
            f"from the first "
            "byte)."
        )
        assert not any(b"AUTH" in line for line in server.received)


async def test_plaintext_without_starttls_is_suggested_only_without_a_password(
    trial: Trial,
) -> None:
    async with FaultServer() as server:
        without = await trial(server, smtp_type=SmtpType.TLS)
        with_password = await trial(server, smtp_type=SmtpType.TLS, password="s3cret-pw")

    assert without.verdict.suggestion == Suggestion(smtp_type=SmtpType.NONE)
    assert with_password.verdict.suggestion is None
    assert with_password.verdict.reason is Reason.PLAINTEXT_SERVER


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", "an IMAP"),
        (b"+OK Dovecot ready.\r\n", "a POP3"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "an SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP"),
        (b"220 (vsFTPd 3.0.5)\r\n", "an FTP"),
        (b"200 news.example.com InterNetNews NNRP server ready\r\n", "an NNTP"),
    ],
)
@pytest.mark.parametrize("smtp_type", [SmtpType.NONE, SmtpType.TLS])
async def test_another_protocol_is_named_and_its_bytes_are_not_shown(
    trial: Trial, greeting: bytes, kind: str, smtp_type: SmtpType
) -> None:
    script = {"banner": raw(greeting), "EHLO": reply("530 Please login with USER and PASS.")}
    if smtp_type is SmtpType.TLS:  # the server sends its greeting instead of a handshake
        script = {"handshake": then(raw(greeting), silence()), "banner": raw(greeting)}
    async with FaultServer(script, tls="none" if smtp_type is SmtpType.NONE else "implicit") as server:
        report = await trial(server, smtp_type=smtp_type, ca_pem=server.ca_pem)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert f"is {kind} server" in report.verdict.message
    for word in ("Dovecot", "OpenSSH", "vsFTPd", "InterNetNews"):
        assert word not in report.verdict.message


async def test_a_plaintext_client_at_an_imap_port_with_tls(trial: Trial) -> None:
    async with FaultServer({"banner": raw(b"* OK IMAP4rev1\r\n")}, tls="implicit") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert "is an IMAP server" in report.verdict.message


async def test_a_server_that_is_silent_in_plaintext_and_over_tls(trial: Trial) -> None:
    async with FaultServer({"banner": silence()}) as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.BANNER_TIMEOUT
    assert report.verdict.suggestion is None
    assert report.verdict.message == (
        f"localhost:{server.port} accepts connections but sent no greeting within 45 s [in Banner]. "
        "A proxy or firewall blocks the greeting, the server delays clients, or it expects the PROXY "
        "protocol. Set test.timeout: 5m if this server is expected to be slow."
    )


@pytest.mark.parametrize("smtp_type", [SmtpType.TLS, SmtpType.START_TLS, SmtpType.NONE])
async def test_an_https_server_that_waits_for_a_request(trial: Trial, smtp_type: SmtpType) -> None:
    async def answer(talk: ScriptedConnection) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        await raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")(talk)

    async with FaultServer({"banner": answer}, tls="implicit") as server:
        report = await trial(server, smtp_type=smtp_type, ca_pem=server.ca_pem)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert "is an HTTP server" in report.verdict.message
    assert report.duration < 30


async def test_a_server_that_closes_at_once(trial: Trial) -> None:
    async with FaultServer({"banner": drop()}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.CONNECTION_CLOSED_BY_SERVER
    assert report.verdict.phase is Phase.BANNER


async def test_the_second_look_goes_to_the_same_address(trial: Trial) -> None:
    trial.names.known["mail.example.com"] = ("127.0.0.1",)
    async with FaultServer(tls="implicit") as server:
        await trial(server, server="mail.example.com")

    assert trial.names.asked == ["mail.example.com"]
    assert server.connections == 2


async def test_the_second_look_takes_no_more_connections_than_the_first(
    trial: Trial, mailserver: MailServer
) -> None:
    for _ in range(3):
        await trial(mailserver.starttls_port, smtp_type=SmtpType.TLS)

    assert mailserver.connections_max == 1
    assert mailserver.auth_attempts == []
