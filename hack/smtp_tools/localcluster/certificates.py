# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates of one control plane, valid as long as its folder exists."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
SERVICE_ADDRESS = "10.96.0.1"
"""The address of the Service `kubernetes`: the first one of the service range."""

_DNS_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", "::1", SERVICE_ADDRESS)


@dataclass(frozen=True)
class KeyPair:
    """PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """All PEM files of a control plane.

    Attributes:
        ca: CA of the API server and its clients.
        apiserver: certificate of the API server.
        etcd_ca: the only CA that etcd trusts, so that clients of the API server cannot connect to etcd.
        etcd: certificate of etcd, and of the API server as its client.
        service_account_key: signs ServiceAccount tokens.
    """

    ca: Path
    apiserver: KeyPair
    etcd_ca: Path
    etcd: KeyPair
    service_account_key: Path


def write_certificates(folder: Path) -> Certificates:
    """Create `folder` with new keys and certificates; only the owner can read the keys."""
    folder.mkdir(mode=0o700)
    cluster, etcd = _Authority("smtp-operator local cluster"), _Authority("smtp-operator local etcd")
    return Certificates(
        ca=_write(folder / "ca.crt", _pem(cluster.certificate)),
        apiserver=cluster.issue(folder, "kube-apiserver"),
        etcd_ca=_write(folder / "etcd-ca.crt", _pem(etcd.certificate)),
        etcd=etcd.issue(folder, "etcd"),
        service_account_key=_write(
            folder / "service-account.key", _private_pem(ec.generate_private_key(ec.SECP256R1()))
        ),
    )


class _Authority:
    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, folder: Path, name: str) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.DNSName(dns) for dns in _DNS_NAMES]
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            _builder(subject, self._name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return KeyPair(
            certificate=_write(folder / f"{name}.crt", _pem(certificate)),
            key=_write(folder / f"{name}.key", _private_pem(key)),
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # SEC 1, the only format in which Kubernetes accepts an EC key for ServiceAccount tokens.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
