# SPDX-License-Identifier: Apache-2.0
"""TLS with the same settings in every Python version: at least 1.2, host names checked, RFC 5280 strict."""

import os
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from smtp_operator.network.tls_alerts import AlertingContext

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


MOST_CERTIFICATES: Final = 500
"""Limit of a CA bundle, about three times a system's CAs. OpenSSL sorts the list for each addition."""

MOST_RSA_BITS: Final = 4096
"""Limit of a client's key: the cost of a login grows with the cube."""

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_CERTIFICATE: Final = re.compile(f"{_BEGIN}[^-]*+-----END CERTIFICATE-----")


class CaBundleInvalid(ValueError):
    """The CA bundle has no certificate, an invalid one, or too many."""


class ClientCertificateInvalid(ValueError):
    """The certificate and key are unusable; the text has the cause and no part of them."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client's key and certificates, checked to belong together."""

    pem: bytes = field(repr=False)

    @classmethod
    def of(
        cls, certificates: bytes, private_key: bytes, *, now: datetime | None = None
    ) -> "ClientCertificate":
        """Create from ``tls.crt`` and ``tls.key`` of a Secret of type kubernetes.io/tls.

        Raises:
            ClientCertificateInvalid: they are not a pair, have expired, or are not valid yet.
        """
        from cryptography import x509  # takes 8 MB, which most processes never need
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )

        try:
            chain = x509.load_pem_x509_certificates(certificates)
        except ValueError:
            raise ClientCertificateInvalid("tls.crt has no readable PEM certificate") from None
        key = _key(private_key)
        public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if key.public_key().public_bytes(*public) != chain[0].public_key().public_bytes(*public):
            raise ClientCertificateInvalid("the key in tls.key does not belong to the certificate in tls.crt")
        now = now or datetime.now(UTC)
        begins, ends = chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
        if ends < now:
            raise ClientCertificateInvalid(f"the certificate in tls.crt expired {ends:%Y-%m-%d}")
        if begins > now:
            raise ClientCertificateInvalid(
                f"the certificate in tls.crt is not valid before {begins:%Y-%m-%d %H:%M} UTC"
            )
        written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(written + b"".join(it.public_bytes(Encoding.PEM) for it in chain))


def _key(pem: bytes) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # Checking the primes of a key takes seconds; an invalid key fails in the handshake.
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ClientCertificateInvalid("the key in tls.key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ClientCertificateInvalid("tls.key has no readable PEM key") from None
    bits = getattr(key, "key_size", 0)
    if bits > MOST_RSA_BITS:
        raise ClientCertificateInvalid(f"the key in tls.key has {bits:,} bits, more than {MOST_RSA_BITS:,}")
    return key


def client_context(
    ca_pem: str | None,
    *,
    verify: bool = True,
    client_certificate: ClientCertificate | None = None,
    with_system: bool = False,
    ca_file: str | None = None,
) -> ssl.SSLContext:
    """Return a context that trusts only ``ca_pem``; None: the system's CAs and ``ca_file``.

    ``ca_file`` is the PEM text of ``--ca-file``. ``with_system``: trust both in addition to ``ca_pem``.

    Raises:
        CaBundleInvalid: ``ca_pem`` is not a valid bundle.
        ClientCertificateInvalid: OpenSSL rejects the certificate, for example because of a weak key.
    """
    context = AlertingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 9525: subject alternative names only
    if client_certificate is not None:
        _identify(context, client_certificate)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # Python 3.13 sets both by default, older versions neither; a verdict must not depend on that.
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    if ca_pem is None or with_system:
        context.load_default_certs()
        if ca_file is not None:
            _trust(context, ca_file)
    if ca_pem is not None:
        _trust(context, ca_pem)
    return context


def check_bundle(ca_pem: str) -> None:
    """Check that a PEM bundle can be loaded.

    Raises:
        CaBundleInvalid
    """
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_pem)


def _trust(context: ssl.SSLContext, ca_pem: str) -> None:
    """Add the certificates; blocks up to some tenths of a second, without blocking other threads."""
    found = _CERTIFICATE.findall(ca_pem)
    certificates = dict.fromkeys(found)
    if not certificates or len(found) < ca_pem.count(_BEGIN) or len(certificates) > MOST_CERTIFICATES:
        raise CaBundleInvalid
    descriptor = os.memfd_create("ca-bundle", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", closefd=False) as file:
            file.write("\n".join([*certificates, ""]))
        # Only loading from a file does not block the other threads.
        context.load_verify_locations(cafile=f"/proc/self/fd/{descriptor}")
    except (ssl.SSLError, ValueError):
        raise CaBundleInvalid from None
    finally:
        os.close(descriptor)


def _identify(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load the client certificate; the ssl module reads only files, so it is a short-lived one in memory."""
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(certificate.pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, ValueError):
        raise ClientCertificateInvalid("OpenSSL does not accept the certificate or key") from None
    finally:
        os.close(descriptor)


def _no_password() -> str:
    """Return no password, so that OpenSSL does not prompt on the terminal."""
    return ""
