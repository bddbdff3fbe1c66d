# SPDX-License-Identifier: Apache-2.0
"""Certificate chains and greetings of other protocols: the message names what is wrong with them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import CERT_REQUIRED, PROTOCOL_TLS_SERVER, SSLContext, TLSVersion

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import SmtpType
from smtp_operator.smtp.timing import PhaseLimits
from smtp_testkit.mailpeers.certificates import Authority
from smtp_testkit.mailpeers.faultserver import (
    Action,
    FaultServer,
    ScriptedConnection,
    drop,
    raw,
    silence,
    then,
)
from smtp_testkit.mailpeers.trial import Trial

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    ca: bool = True,
    end: datetime = NOW + 90 * DAY,
    path_length: int | None = None,
    permitted: str = "",
) -> Issued:
    """Return a certificate of ``issuer``, or a self-signed one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 900 * DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if ca:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    if permitted:
        names = x509.NameConstraints([x509.DNSName(permitted)], None)
        builder = builder.add_extension(names, critical=True)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


EXPIRED = NOW - 5 * DAY
ROOT = issue("Corp Root")
OLD_ROOT = issue("Old Root", end=EXPIRED)


async def verdict_on(trial: Trial, folder: Path, root: Issued, *chain: Issued) -> tuple[Reason, str]:
    """Return reason and message of a test of a server whose certificate is by the first of the chain."""
    leaf = issue("localhost", chain[0], ca=False)
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "chain.pem"
    file.write_text(key.decode() + leaf.pem + "".join(it.pem for it in chain if it is not root))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with FaultServer(tls="implicit", context=context) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS, ca_pem=root.pem)
    return report.verdict.reason, report.verdict.message.replace(f":{server.port}", "")


async def test_a_certificate_of_the_issuer_that_has_expired(trial: Trial, tmp_path: Path) -> None:
    issuer = issue("Corp Issuing", ROOT, end=EXPIRED)

    assert await verdict_on(trial, tmp_path, ROOT, issuer) == (
        Reason.CERTIFICATE_EXPIRED,
        f"A certificate that localhost sends with its own expired {EXPIRED:%Y-%m-%d} "
        '("CN=Corp Issuing") [in Tls]. The server\'s certificate itself is valid. '
        "Install the issuer's current certificate on the server, and restart it.",
    )


async def test_a_ca_in_ca_ref_that_has_expired(trial: Trial, tmp_path: Path) -> None:
    assert await verdict_on(trial, tmp_path, OLD_ROOT, OLD_ROOT) == (
        Reason.CERTIFICATE_EXPIRED,
        f'The CA certificate "CN=Old Root" in tls.caRef expired {EXPIRED:%Y-%m-%d} [in Tls]. '
        "The certificate of localhost itself is valid. "
        "Store the current CA certificate in the object of tls.caRef.",
    )


async def test_a_name_outside_of_the_name_constraints(trial: Trial, tmp_path: Path) -> None:
    issuer = issue("Corp Issuing", ROOT, permitted="corp.example")

    assert await verdict_on(trial, tmp_path, ROOT, issuer) == (
        Reason.CERTIFICATE_UNTRUSTED,
        "The certificate chain of localhost is invalid: a name is outside of the name constraints of a CA "
        "[in Tls]. Re-issue the certificate with a CA that may issue it, or correct the chain on the server.",
    )


async def test_a_ca_that_may_not_issue_a_ca(trial: Trial, tmp_path: Path) -> None:
    root = issue("Corp Root", path_length=0)
    policy = issue("Corp Policy", root)

    reason, message = await verdict_on(trial, tmp_path, root, policy)

    assert reason is Reason.CERTIFICATE_UNTRUSTED
    assert "a CA has issued a CA although its path length forbids it" in message


async def test_an_http_server_that_answers_a_client_hello(trial: Trial) -> None:
    answer = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def answers(talk: ScriptedConnection) -> None:
        await talk.reader.read(4096)
        await then(answer, drop())(talk)

    async with FaultServer({"banner": answers}) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert "is an HTTP server" in report.verdict.message


@pytest.mark.parametrize(
    "greeting", [b"\xff\xfd\x18\xff\xfd\x20", b"\0\0\0\x10abc", b"AMQP\0\0\x09\x01", b"<?xml version='1.0'?>"]
)
@pytest.mark.parametrize("end", [silence(), drop()], ids=["waits", "closes"])
async def test_a_greeting_of_another_protocol_without_a_line_end(
    trial: Trial, greeting: bytes, end: Action
) -> None:
    async with FaultServer({"banner": then(raw(greeting), end)}) as server:
        report = await trial(server.port)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER


async def test_another_protocol_in_plaintext_where_tls_is_expected(trial: Trial) -> None:
    async with FaultServer({"banner": then(raw(b"Asterisk Call Manager/5.0\r\n"), drop())}) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS)

    assert report.verdict.reason is Reason.NOT_AN_SMTP_SERVER
    assert "does not answer with SMTP" in report.verdict.message


@pytest.mark.parametrize("version", [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3])
async def test_a_tls_port_that_demands_a_client_certificate(trial: Trial, version: TLSVersion) -> None:
    authority = Authority.make()
    context = authority.server_context("localhost")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem)
    trial.limits = PhaseLimits(look_after=0.1, look_listens=0.1)
    async with FaultServer(tls="implicit", context=context) as server:
        report = await trial(server.port, smtp_type=SmtpType.START_TLS)

    assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER


async def test_an_expired_certificate_for_another_name(trial: Trial) -> None:
    authority = Authority.make()
    context = authority.server_context("mail.example.com", valid=(EXPIRED - DAY, EXPIRED))
    async with FaultServer(tls="implicit", context=context) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS, ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH
    assert f"It also expired {EXPIRED:%Y-%m-%d}." in report.verdict.message


@pytest.mark.parametrize("greeting", [b"220-x\r\n" * 8000, b"220 " + b"x" * 40_000])
async def test_a_greeting_that_is_too_long(trial: Trial, greeting: bytes) -> None:
    async with FaultServer({"banner": raw(greeting)}) as server:
        report = await trial(server.port)

    assert report.verdict.reason is Reason.REPLY_INVALID
    assert "an SMTP server" not in report.verdict.message
