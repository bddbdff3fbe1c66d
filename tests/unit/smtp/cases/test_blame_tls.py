# SPDX-License-Identifier: Apache-2.0
"""Failures of TLS on real sockets: each cause has its own reason and fix."""

import base64
import ssl
import struct
import textwrap
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import SmtpType
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.tls_failures import failed
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers.certificates import Authority
from smtp_testkit.mailpeers.faultserver import (
    Action,
    FaultServer,
    Script,
    ScriptedConnection,
    TlsMode,
    drop,
    reply,
    then,
)
from smtp_testkit.mailpeers.picky import picky_server
from smtp_testkit.mailpeers.trial import Trial

OF_MODE: dict[TlsMode, SmtpType] = {"starttls": SmtpType.START_TLS, "implicit": SmtpType.TLS}
MAIL = DialogueContext(server="mail.example.com", port=465)
OAKLEY_GROUP_2 = int(  # RFC 2409 section 6.2: 1024 bits
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(params=["starttls", "implicit"])
def mode(request: pytest.FixtureRequest) -> TlsMode:
    chosen: TlsMode = request.param
    return chosen


def alert(number: int) -> Action:
    """Answer the ClientHello with a fatal alert."""

    async def action(talk: ScriptedConnection) -> None:
        await talk.reader.read(4096)
        await talk.send(struct.pack("!BBBHBB", 21, 3, 3, 2, 2, number))

    return then(action, drop())


def dh_parameters(prime: int) -> str:
    """Return PEM of the group with generator 2 (PKCS #3), whose bytes OpenSSL reads."""
    number = b"\0" + prime.to_bytes(128)
    body = b"\x02\x81" + bytes([len(number)]) + number + b"\x02\x01\x02"
    der = b"\x30\x81" + bytes([len(body)]) + body
    text = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN DH PARAMETERS-----\n{text}\n-----END DH PARAMETERS-----\n"


async def test_a_dh_group_that_is_too_small(trial: Trial, mode: TlsMode, tmp_path: Path) -> None:
    path = tmp_path / "dh.pem"
    path.write_text(dh_parameters(OAKLEY_GROUP_2))
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", key_type=trustme.KeyType.RSA).configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.load_dh_params(str(path))
    with picky_server(context, starttls=mode == "starttls") as port:
        report = await trial(port, smtp_type=OF_MODE[mode], ca_pem=ca.cert_pem.bytes().decode())

    assert report.verdict.reason is Reason.TLS_PROTOCOL_MISMATCH
    assert report.verdict.message == (
        f"localhost:{port} uses a Diffie-Hellman (DH) group that is too small to be secure "
        "(OpenSSL: DH_KEY_TOO_SMALL) [in Tls]. New TLS libraries refuse groups of fewer than 2,048 bits. "
        "Ask the server's owner to use a DH group of 2,048 bits or more, or ciphers with ECDHE."
    )


async def test_an_internal_error_is_the_servers(trial: Trial, mode: TlsMode) -> None:
    async with FaultServer({"handshake": alert(80)}, tls=mode) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode])

    assert report.verdict.reason is Reason.TLS_HANDSHAKE_DROPPED
    assert report.verdict.retry is Retry.TRANSIENT
    assert "OpenSSL: TLSV1_ALERT_INTERNAL_ERROR, alert 80" in report.verdict.message
    assert "cipher" not in report.verdict.message


@pytest.mark.parametrize("number", [10, 40, 70, 71, 80])
@pytest.mark.parametrize("smtp_type", [SmtpType.NONE, SmtpType.START_TLS])
async def test_any_alert_proves_that_tls_is_spoken(trial: Trial, number: int, smtp_type: SmtpType) -> None:
    async with FaultServer({"handshake": [drop(), alert(number)]}, tls="implicit") as server:
        report = await trial(server.port, smtp_type=smtp_type)

    assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER


@pytest.mark.parametrize(
    ("reason", "expected", "fix"),
    [
        ("EE_KEY_TOO_SMALL", Reason.TLS_PROTOCOL_MISMATCH, "RSA key of 2,048 bits"),
        ("DH_KEY_TOO_SMALL", Reason.TLS_PROTOCOL_MISMATCH, "DH group"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", Reason.TLS_PROTOCOL_MISMATCH, "TLS 1.2 or 1.3"),
        ("UNSUPPORTED_PROTOCOL", Reason.TLS_PROTOCOL_MISMATCH, "TLS 1.2 or 1.3"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", Reason.TLS_PROTOCOL_MISMATCH, "ciphers"),
        ("NO_SHARED_CIPHER", Reason.TLS_PROTOCOL_MISMATCH, "ciphers"),
        ("TLSV1_ALERT_INSUFFICIENT_SECURITY", Reason.TLS_PROTOCOL_MISMATCH, "ciphers"),
        ("WRONG_SIGNATURE_TYPE", Reason.TLS_PROTOCOL_MISMATCH, "SHA-256"),
        ("LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED", Reason.TLS_PROTOCOL_MISMATCH, "SHA-256"),
        ("WRONG_CURVE", Reason.TLS_PROTOCOL_MISMATCH, "X25519 or P-256"),
        ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", Reason.TLS_PROTOCOL_MISMATCH, "update its TLS library"),
        ("TLSV1_ALERT_DECODE_ERROR", Reason.TLS_HANDSHAKE_DROPPED, "log of the server"),
        ("TLSV1_ALERT_ACCESS_DENIED", Reason.CLIENT_BLOCKED, "egress address"),
    ],
)
def test_each_reason_of_openssl_has_its_own_fix(reason: str, expected: Reason, fix: str) -> None:
    verdict = failed(MAIL, reason, 0, name="mail.example.com")

    assert verdict.reason is expected
    assert fix in verdict.message
    assert f"OpenSSL: {reason}" in verdict.message


def http() -> Action:
    async def action(talk: ScriptedConnection) -> None:
        await talk.reader.readline()
        await talk.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    return then(action, drop())


@pytest.mark.parametrize("smtp_type", list(SmtpType))
async def test_an_https_frontend_is_no_silent_mail_server(trial: Trial, smtp_type: SmtpType) -> None:
    async with FaultServer({"banner": http()}, tls="implicit") as server:
        report = await trial(server.port, smtp_type=smtp_type, ca_pem=server.ca_pem, timeout=12.0)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert "is an HTTP server" in report.verdict.message
    assert "PROXY" not in report.verdict.message


def demanding(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = authority.server_context("localhost")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_demanded_client_certificate_without_an_alert(
    trial: Trial, authority: Authority, mode: TlsMode, version: ssl.TLSVersion
) -> None:
    async with FaultServer(tls=mode, context=demanding(authority, version)) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CLIENT_CERTIFICATE_REQUIRED
    assert "tls.clientCertificateRef" in report.verdict.message


async def test_a_server_that_asks_and_closes_after_the_handshake(
    trial: Trial, authority: Authority, mode: TlsMode
) -> None:
    context = authority.server_context("localhost")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem)
    script: dict[str, Any] = {"banner": drop()} if mode == "implicit" else {"EHLO": [reply(STARTTLS), drop()]}
    async with FaultServer(script, tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CLIENT_CERTIFICATE_REQUIRED


STARTTLS = "250-mail.example\n250 STARTTLS"


@pytest.mark.parametrize("login", [True, False])
async def test_a_server_that_asks_and_offers_nothing(
    trial: Trial, authority: Authority, *, login: bool
) -> None:
    context = authority.server_context("localhost")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem)
    nothing: list[Action] = [reply(STARTTLS), reply("250 mail.example")]
    script: Script = {"EHLO": nothing, "MAIL": reply("550 5.7.1 Access denied")}
    async with FaultServer(script, tls="starttls", context=context) as server:
        password: dict[str, Any] = {"password": "s3cret-pw"} if login else {}
        report = await trial(server.port, smtp_type=SmtpType.START_TLS, ca_pem=authority.pem, **password)

    assert report.verdict.reason is Reason.CLIENT_CERTIFICATE_REQUIRED


async def test_a_server_that_asks_and_works_without_a_certificate(
    trial: Trial, authority: Authority, mode: TlsMode
) -> None:
    context = authority.server_context("localhost")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.pem)
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.passed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_of_the_wrong_ca(
    trial: Trial, authority: Authority, mode: TlsMode, version: ssl.TLSVersion
) -> None:
    issued = trustme.CA().issue_cert("client.example.com")
    certificate = ClientCertificate.of(issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes())
    with picky_server(demanding(authority, version), starttls=mode == "starttls") as port:
        tls = TlsSettings(ca_pem=authority.pem, client_certificate=certificate)
        report = await trial(port, smtp_type=OF_MODE[mode], tls=tls)

    assert report.verdict.reason is Reason.CLIENT_CERTIFICATE_INVALID
    assert "not trust the CA that issued" in report.verdict.message  # its alert may get lost


@pytest.mark.parametrize("number", [0, 1])
async def test_old_tls_that_drops_without_an_alert(
    trial: Trial, authority: Authority, mode: TlsMode, number: int
) -> None:
    context = authority.server_context("localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    version = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)[number]
    with pytest.warns(DeprecationWarning, match=r"TLSv1"):
        context.minimum_version = version
    with pytest.warns(DeprecationWarning, match=r"TLSv1"):
        context.maximum_version = version
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], password="s3cret-pw")
        received = b"".join(server.received)

    assert report.verdict.reason is Reason.TLS_PROTOCOL_MISMATCH
    assert report.verdict.message == (
        f"localhost:{server.port} and this client share no TLS version [in Tls]. The server drops "
        "connections with TLS 1.2 and answers TLS 1.1 or older, which RFC 8996 forbids. A second "
        "connection, without the password, found this. Ask the server's owner to offer TLS 1.2 or 1.3."
    )
    assert b"AUTH" not in received


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"])
async def test_weak_ciphers_that_drop_without_an_alert(
    trial: Trial, authority: Authority, mode: TlsMode, ciphers: str
) -> None:
    context = authority.server_context("localhost")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], password="s3cret-pw")
        received = b"".join(server.received)

    assert report.verdict.reason is Reason.TLS_PROTOCOL_MISMATCH
    assert report.verdict.message == (
        f"localhost:{server.port} and this client share no cipher [in Tls]. The server drops connections "
        "that offer current ciphers, and answers ciphers without forward secrecy or with SHA-1. A second "
        "connection, without the password, found this. Ask the server's owner to offer ECDHE ciphers with "
        "AES-GCM."
    )
    assert b"AUTH" not in received


async def test_a_server_that_drops_one_handshake_is_not_judged_by_its_weak_ciphers(
    trial: Trial, authority: Authority, mode: TlsMode
) -> None:
    context = authority.server_context("localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with FaultServer(
        {"handshake": [drop(), lambda talk: _nothing()]}, tls=mode, context=context
    ) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode])

    assert report.verdict.reason is Reason.TLS_HANDSHAKE_DROPPED


async def _nothing() -> None:
    pass


async def test_a_root_without_critical_constraints_in_the_users_ca_ref(trial: Trial, mode: TlsMode) -> None:
    authority = Authority.make(critical=False)
    async with FaultServer(tls=mode, context=authority.server_context("localhost")) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE
    assert report.verdict.message == (
        f'The CA certificate "CN=corp-ca" in tls.caRef, which verifies localhost:{server.port}, violates '
        "RFC 5280: it is a CA, and its basicConstraints is not critical [in Tls]. Python 3.13 and other new "
        "programs refuse such certificates; older programs accept them. Re-issue the CA certificate, and "
        "store it in the object of tls.caRef."
    )


async def test_a_common_name_alone_does_not_count(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost", alternatives=False)
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH
    assert report.verdict.message == (
        f'The certificate of localhost:{server.port} ("CN=localhost") has no subject alternative name '
        "[in Tls]. The common name does not count (RFC 9525). Many programs, such as those in Go, refuse "
        "such certificates. Re-issue the certificate with the subject alternative name localhost."
    )


@pytest.mark.parametrize("self_signed", [True, False])
async def test_an_untrusted_certificate_for_another_name(
    trial: Trial, authority: Authority, mode: TlsMode, *, self_signed: bool
) -> None:
    context = authority.server_context("mail.example.net", self_signed=self_signed)
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode])

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "Set tls.caRef: " in report.verdict.message
    assert report.verdict.message.endswith(
        "It is for mail.example.net, not localhost: also set tls.serverName: mail.example.net."
    )


async def test_an_untrusted_certificate_without_alternative_names(trial: Trial, authority: Authority) -> None:
    context = authority.server_context("localhost", self_signed=True, alternatives=False)
    async with FaultServer(tls="implicit", context=context) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS)

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert report.verdict.message.endswith(
        "The certificate has no subject alternative name either: re-issue it with localhost."
    )
