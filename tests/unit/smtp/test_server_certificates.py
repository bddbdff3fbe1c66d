# SPDX-License-Identifier: Apache-2.0
"""The message about a rejected certificate names its fault and the wrong value."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Mode, Phase, SmtpType
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers.certificates import Authority
from smtp_testkit.mailpeers.faultserver import FaultServer, TlsMode
from smtp_testkit.mailpeers.picky import picky_server
from smtp_testkit.mailpeers.trial import Trial

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OF_MODE: dict[TlsMode, SmtpType] = {"starttls": SmtpType.START_TLS, "implicit": SmtpType.TLS}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(params=["starttls", "implicit"])
def mode(request: pytest.FixtureRequest) -> TlsMode:
    chosen: TlsMode = request.param
    return chosen


async def test_an_unknown_authority(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    async with FaultServer(tls=mode, context=authority.server_context("localhost")) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], password="s3cret-pw")

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert report.verdict.phase is Phase.TLS
    assert report.verdict.message == (
        f'The certificate of localhost:{server.port} is signed by "CN=corp-ca", which the operator does not '
        f"trust "
        "[in Tls]. Set tls.caRef: the ConfigMap or Secret that holds its CA certificate, or configure the "
        "server to send its intermediate certificates."
    )
    assert report.server.certificate is not None
    assert report.server.certificate.issuer == "CN=corp-ca"
    assert not any(b"AUTH" in line for line in server.received)


async def test_a_self_signed_certificate(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost", self_signed=True)
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode])

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert report.verdict.message == (
        f'The certificate of localhost:{server.port} is self-signed ("CN=localhost") [in Tls]. '
        "Set tls.caRef: the ConfigMap or Secret that holds this certificate."
    )


async def test_an_expired_certificate(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost", valid=(NOW - 9 * DAY, NOW - 2 * DAY))
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_EXPIRED
    assert report.verdict.retry is Retry.SLOW
    assert report.verdict.message == (
        f"The certificate of localhost:{server.port} expired {NOW - 2 * DAY:%Y-%m-%d} [in Tls]. "
        "Renew the certificate, and restart the server so that it loads the new one."
    )


async def test_a_certificate_that_is_not_valid_yet(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost", valid=(NOW + DAY, NOW + 9 * DAY))
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_NOT_YET_VALID
    assert f"is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC" in report.verdict.message
    assert report.verdict.message.endswith("Check the clocks of the node and the server.")


async def test_a_certificate_for_another_name(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("mail.example.net", "smtp.example.net")
    async with FaultServer(tls=mode, context=context) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH
    assert report.verdict.message == (
        f"The certificate of localhost:{server.port} is for mail.example.net, smtp.example.net, "
        "not localhost [in Tls]. Set server: a name in the certificate, or set tls.serverName: that name."
    )


async def test_tls_server_name_is_the_expected_name(
    trial: Trial, authority: Authority, mode: TlsMode
) -> None:
    async with FaultServer(tls=mode, context=authority.server_context("mail.example.net")) as server:
        tls = TlsSettings(ca_pem=authority.pem, server_name="mail.example.net")
        report = await trial(server.port, smtp_type=OF_MODE[mode], tls=tls)

    assert report.verdict.passed


async def test_a_server_address_is_the_expected_name(trial: Trial, authority: Authority) -> None:
    for names, passes in ((("127.0.0.1",), True), (("localhost",), False)):
        async with FaultServer(tls="implicit", context=authority.server_context(*names)) as server:
            report = await trial(
                server.port, server="127.0.0.1", smtp_type=SmtpType.TLS, ca_pem=authority.pem
            )

        assert report.verdict.passed is passes
        if not passes:
            assert report.verdict.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH


async def test_a_chain_that_breaks_rfc_5280_fails_on_every_python(trial: Trial, mode: TlsMode) -> None:
    authority = Authority.make(key_identifiers=False)
    async with FaultServer(tls=mode, context=authority.server_context("localhost")) as server:
        report = await trial(server.port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE
    assert report.verdict.message == (
        f'The certificate of localhost:{server.port} ("CN=localhost") violates RFC 5280: '
        "it has no Authority Key Identifier [in Tls]. "
        "Python 3.13 and other new programs refuse such certificates; older programs accept them. "
        "Re-issue the certificate."
    )


async def test_a_client_certificate_of_a_server_is_rejected(trial: Trial, authority: Authority) -> None:
    context = authority.server_context("localhost", purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    async with FaultServer(tls="implicit", context=context) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS, ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "is not for servers" in report.verdict.message


async def test_a_given_bundle_is_trusted_exclusively(trial: Trial, authority: Authority) -> None:
    other = Authority.make("another-ca")
    async with FaultServer(tls="implicit", context=authority.server_context("localhost")) as server:
        report = await trial(server.port, smtp_type=SmtpType.TLS, ca_pem=other.pem)

    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize(
    "bundle", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
async def test_an_invalid_bundle(trial: Trial, bundle: str) -> None:
    report = await trial(1, smtp_type=SmtpType.TLS, ca_pem=bundle)

    assert report.verdict.reason is Reason.CA_BUNDLE_INVALID
    assert report.verdict.message == (
        "The object in tls.caRef contains no valid PEM certificate. "
        "Store the CA certificate in it, with its BEGIN and END lines."
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_a_client_certificate(
    trial: Trial, authority: Authority, mode: TlsMode, version: ssl.TLSVersion
) -> None:
    context = authority.server_context("localhost")
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem)
    with picky_server(context, starttls=mode == "starttls") as port:
        report = await trial(port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.CLIENT_CERTIFICATE_REQUIRED
    assert report.verdict.message == (
        f"localhost:{port} requires a client certificate [in Tls]. "
        "Set tls.clientCertificateRef: a Secret of type kubernetes.io/tls."
    )


async def test_a_server_with_old_tls_only(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with picky_server(context, starttls=mode == "starttls") as port:
        report = await trial(port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.TLS_PROTOCOL_MISMATCH
    assert report.verdict.message == (
        f"localhost:{port} and this client share no TLS version "
        "(OpenSSL: TLSV1_ALERT_PROTOCOL_VERSION, alert 70) [in Tls]. "
        "The server supports only TLS 1.1 or older, which RFC 8996 forbids. "
        "Ask the server's owner to offer TLS 1.2 or 1.3."
    )


async def test_a_server_with_no_cipher_in_common(trial: Trial, authority: Authority, mode: TlsMode) -> None:
    context = authority.server_context("localhost")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    with picky_server(context, starttls=mode == "starttls") as port:
        report = await trial(port, smtp_type=OF_MODE[mode], ca_pem=authority.pem)

    assert report.verdict.reason is Reason.TLS_PROTOCOL_MISMATCH
    assert "share no cipher or key that both consider secure" in report.verdict.message


@pytest.mark.parametrize("self_signed", [True, False])
async def test_a_secret_in_a_certificate_is_not_shown(
    trial: Trial, authority: Authority, mode: TlsMode, *, self_signed: bool
) -> None:
    context = authority.server_context("localhost", "s3cret-pw.example", self_signed=self_signed)
    async with FaultServer(tls=mode, context=context) as server:
        trusted = TlsSettings(ca_pem=authority.pem, server_name="another.example")
        for tls in (TlsSettings(), trusted):
            report = await trial(server.port, smtp_type=OF_MODE[mode], tls=tls, password="s3cret-pw")

            assert not report.verdict.passed
            assert "s3cret-pw" not in repr(report)


async def test_a_secret_that_names_an_authority_is_not_shown(trial: Trial, mode: TlsMode) -> None:
    authority = Authority.make("s3cret-pw")
    async with FaultServer(tls=mode, context=authority.server_context("localhost")) as server:
        refused = await trial(server.port, smtp_type=OF_MODE[mode], password="s3cret-pw")
        settings: dict[str, Any] = {"smtp_type": OF_MODE[mode], "ca_pem": authority.pem, "mode": Mode.CONNECT}
        passed = await trial(server.port, password="s3cret-pw", **settings)

    assert 'is signed by "CN=********"' in refused.verdict.message
    assert passed.verdict.passed
    assert "s3cret-pw" not in repr((refused, passed))
