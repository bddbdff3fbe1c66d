# SPDX-License-Identifier: Apache-2.0
"""Client certificates are loaded from memory; each defect has a message."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smtp_operator.api.verdict import SmtpType
from smtp_operator.network.tls import ClientCertificate, ClientCertificateInvalid
from smtp_operator.smtp.diagnosis import tls_failures as tlsfailures
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def pair_of(ca: trustme.CA, **options: Any) -> tuple[bytes, bytes]:
    """Return ``tls.crt`` and ``tls.key``."""
    issued = ca.issue_cert("client.example.com", **options)
    return b"".join(it.bytes() for it in issued.cert_chain_pems), issued.private_key_pem.bytes()


def refusal(certificates: bytes, key: bytes) -> str:
    with pytest.raises(ClientCertificateInvalid) as refused:
        ClientCertificate.of(certificates, key, now=NOW)
    return str(refused.value)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def test_a_key_of_another_certificate(ca: trustme.CA) -> None:
    certificates, _ = pair_of(ca)
    _, key = pair_of(ca)

    assert refusal(certificates, key) == "the key in tls.key does not belong to the certificate in tls.crt"


def test_an_encrypted_key(ca: trustme.CA) -> None:
    certificates, key = pair_of(ca)
    encrypted = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )

    assert refusal(certificates, encrypted) == "the key in tls.key is encrypted"


def test_an_expired_certificate(ca: trustme.CA) -> None:
    pair = pair_of(ca, not_before=NOW - timedelta(days=9), not_after=NOW - timedelta(days=1))

    assert refusal(*pair) == "the certificate in tls.crt expired 2026-11-21"


def test_a_certificate_that_is_not_valid_yet(ca: trustme.CA) -> None:
    pair = pair_of(ca, not_before=NOW + timedelta(days=1), not_after=NOW + timedelta(days=9))

    assert refusal(*pair) == "the certificate in tls.crt is not valid before 2026-11-23 00:00 UTC"


@pytest.mark.parametrize("nothing", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_certificate_that_is_not_pem(ca: trustme.CA, nothing: bytes) -> None:
    certificates, key = pair_of(ca)

    assert refusal(nothing, key) == "tls.crt has no readable PEM certificate"
    assert refusal(certificates, nothing) == "tls.key has no readable PEM key"


def test_no_part_of_a_client_certificate_is_shown(ca: trustme.CA) -> None:
    assert repr(ClientCertificate.of(*pair_of(ca))) == "ClientCertificate()"


def tls_of(server: MailServer, certificate: ClientCertificate | None) -> TlsSettings:
    return TlsSettings(ca_pem=server.ca_pem, client_certificate=certificate)


@pytest.mark.parametrize("smtp_type", [SmtpType.TLS, SmtpType.START_TLS])
async def test_a_server_that_requests_a_certificate_gets_it(
    trial: Trial, mailserver: MailServer, smtp_type: SmtpType
) -> None:
    mailserver.tls_context.verify_mode = ssl.CERT_REQUIRED
    mailserver.ca.configure_trust(mailserver.tls_context)
    certificate = ClientCertificate.of(*pair_of(mailserver.ca))
    port = mailserver.tls_port if smtp_type is SmtpType.TLS else mailserver.starttls_port

    report = await trial(port, smtp_type=smtp_type, tls=tls_of(mailserver, certificate))

    assert report.verdict.reason == "TestEmailSent"


@pytest.mark.parametrize(
    ("alert", "number", "why"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", 48, "The server does not trust the CA that issued the certificate."),
        (
            "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            45,
            "The certificate is expired for the server; the clocks may differ.",
        ),
        (
            "SSLV3_ALERT_BAD_CERTIFICATE",
            42,
            "The server may not trust the CA that issued it, or it is expired, revoked or not for clients.",
        ),
    ],
)
def test_a_server_that_rejects_the_certificate(alert: str, number: int, why: str) -> None:
    context = DialogueContext(server="mail.example.com", port=465, client_certificate=True)

    verdict = tlsfailures.failed(context, alert, 0, name="mail.example.com")

    assert verdict.reason == "ClientCertificateInvalid"
    assert verdict.message == (
        f"mail.example.com:465 does not accept this client's certificate (OpenSSL: {alert}, alert {number}) "
        f"[in Tls]. {why} Set tls.clientCertificateRef: a Secret with a certificate that the server's owner "
        "issued."
    )


def key_of(bits: int) -> bytes:
    """Return a key of ``bits`` bits with invalid primes, whose check would take seconds."""
    p, q = (1 << (bits // 2)) - 1, (1 << (bits // 2)) - 3
    numbers = rsa.RSAPrivateNumbers(p, q, 3, 3, 3, 3, rsa.RSAPublicNumbers(65537, p * q))
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.mark.parametrize("bits", [4098, 8192, 16384])
def test_a_key_of_more_than_4096_bits_is_refused(ca: trustme.CA, bits: int) -> None:
    certificates, _ = pair_of(ca)
    assert refusal(certificates, key_of(bits)) == f"the key in tls.key has {bits:,} bits, more than 4,096"


def test_a_key_is_not_checked_for_seconds(ca: trustme.CA) -> None:
    certificates, _ = pair_of(ca)
    begun = time.thread_time()
    assert (
        refusal(certificates, key_of(4096))
        == "the key in tls.key does not belong to the certificate in tls.crt"
    )
    assert time.thread_time() - begun < 0.5
