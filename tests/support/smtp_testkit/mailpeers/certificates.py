# SPDX-License-Identifier: Apache-2.0
"""Certificates with chosen defects, which ``trustme`` cannot create."""

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Authority:
    """A CA. With ``key_identifiers`` False it omits the extension that RFC 5280 section 4.2.1.1 requires."""

    name: str
    key: ec.EllipticCurvePrivateKey
    key_identifiers: bool = True
    critical: bool = True
    """Whether basicConstraints and keyUsage of the CA are critical, as RFC 5280 section 4.2.1.9 requires."""

    @classmethod
    def make(
        cls, name: str = "corp-ca", *, key_identifiers: bool = True, critical: bool = True
    ) -> "Authority":
        """Create a CA."""
        return cls(name, ec.generate_private_key(ec.SECP256R1()), key_identifiers, critical)

    @property
    def subject(self) -> x509.Name:
        """The subject of the CA."""
        return _name(self.name)

    @property
    def pem(self) -> str:
        """The CA certificate, as PEM for `tls.caRef`."""
        now = datetime.now(UTC)
        return _pem(_sign(self, self.key.public_key(), self.subject, _ca_usage(), (now - _DAY, now + _YEAR)))

    def server_context(
        self,
        *names: str,
        valid: tuple[datetime, datetime] | None = None,
        self_signed: bool = False,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        alternatives: bool = True,
    ) -> ssl.SSLContext:
        """Return a server's TLS context with a certificate for ``names``, by default valid for a year.

        The first name is the common name; without ``alternatives`` it is the only one.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        issuer = Authority(names[0], key, self.key_identifiers) if self_signed else self
        usage: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([purpose])]
        if alternatives:
            usage.append(x509.SubjectAlternativeName([_general_name(name) for name in names]))
        certificate = _sign(
            issuer, key.public_key(), _name(names[0]), usage, valid or (now - _DAY, now + _YEAR)
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "server.pem")
            path.write_bytes(private + _pem(certificate).encode())
            context.load_cert_chain(path)
        return context


_DAY = timedelta(days=1)
_YEAR = timedelta(days=365)


def _ca_usage() -> list[x509.ExtensionType]:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return [x509.BasicConstraints(ca=True, path_length=None), usage]


def _sign(
    issuer: Authority,
    public_key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    extensions: list[x509.ExtensionType],
    valid: tuple[datetime, datetime],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
    for extension in extensions:
        critical = issuer.critical and isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical=critical)
    if issuer.key_identifiers:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
