# SPDX-License-Identifier: Apache-2.0
"""TLS is decided here and not by the Python version: 1.2 at least, names checked, RFC 5280 strictly."""

import ssl

import pytest

from mailpeers.certificates import Authority
from smtp_operator.smtp.tls import CaBundleInvalid, TlsContexts


@pytest.fixture(scope="module")
def bundle() -> str:
    return Authority.make().pem


def test_what_is_checked(bundle: str) -> None:
    for ca_pem in (bundle, None):
        context = TlsContexts().get(ca_pem, verify=True)

        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_a_bundle_alone_is_trusted(bundle: str) -> None:
    (certificate,) = TlsContexts().get(bundle, verify=True).get_ca_certs()

    assert certificate["subject"] == ((("commonName", "corp-ca"),),)


def test_without_verification_nothing_is_checked_but_the_version(bundle: str) -> None:
    context = TlsContexts().get(bundle, verify=False)

    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_equal_settings_share_a_context_up_to_a_bound(bundle: str) -> None:
    contexts = TlsContexts()
    first = contexts.get(bundle, verify=True)

    assert contexts.get(bundle, verify=True) is first
    assert contexts.get(bundle, verify=False) is not first
    for number in range(200):
        contexts.get(f"{bundle}\n# {number}", verify=False)
    assert contexts.get(bundle, verify=True) is not first


def test_a_bundle_with_one_broken_certificate_is_refused_as_a_whole(bundle: str) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

    with pytest.raises(CaBundleInvalid):
        TlsContexts().get(bundle + broken, verify=True)
