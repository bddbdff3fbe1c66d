# SPDX-License-Identifier: Apache-2.0
"""Rules of RFC 5280 that strict verification enforces: their names, and which certificate violates one.

OpenSSL reports the rule only, as X509_V_ERR_… of x509_vfy.h.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from smtp_operator.smtp.replies import clean

if TYPE_CHECKING:
    from cryptography import x509

RULES: Final[dict[int, str]] = {
    76: "its signature algorithm is not supported",
    77: "its signature algorithm does not match the key of its issuer",
    78: "it names two different signature algorithms",
    80: "basicConstraints has a path length, although it is no CA",
    81: "basicConstraints has a path length, but keyUsage lacks keyCertSign",
    82: "keyUsage has keyCertSign, although it is no CA",
    83: "the name of its issuer is empty",
    84: "it is a CA without a subject",
    85: "it has no Authority Key Identifier",
    86: "it is a CA without a Subject Key Identifier",
    87: "it has no subject, and its subject alternative name is empty",
    88: "it has no subject, and its subject alternative name is not critical",
    89: "it is a CA, and its basicConstraints is not critical",
    90: "its Authority Key Identifier is critical",
    91: "its Subject Key Identifier is critical",
    92: "it is a CA without keyUsage",
    93: "it has extensions, but its version is not 3",
    94: "its elliptic curve has explicit parameters",
}


def violations(certificate: "x509.Certificate") -> frozenset[int]:
    """Return the codes of the rules that a certificate violates, as far as they can be read from it."""
    from cryptography import x509

    def extension(kind: type[x509.ExtensionType]) -> "x509.Extension[x509.ExtensionType] | None":
        try:
            return certificate.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return None

    constraints, usage = extension(x509.BasicConstraints), extension(x509.KeyUsage)
    authority, key = extension(x509.AuthorityKeyIdentifier), extension(x509.SubjectKeyIdentifier)
    names = extension(x509.SubjectAlternativeName)
    limits = constraints.value if constraints is not None else None
    ca = isinstance(limits, x509.BasicConstraints) and limits.ca
    path = isinstance(limits, x509.BasicConstraints) and limits.path_length is not None
    signs = usage is not None and isinstance(usage.value, x509.KeyUsage) and usage.value.key_cert_sign
    own = certificate.subject == certificate.issuer
    found = {
        80: path and not ca,
        81: path and usage is not None and not signs,
        82: signs and not ca,
        83: not list(certificate.issuer),
        84: ca and not list(certificate.subject),
        85: authority is None and not own,
        86: ca and key is None,
        88: not list(certificate.subject) and names is not None and not names.critical,
        89: ca and constraints is not None and not constraints.critical,
        90: authority is not None and authority.critical,
        91: key is not None and key.critical,
        92: ca and usage is None,
    }
    return frozenset(code for code, violated in found.items() if violated)


def violator_in(ca_pem: str | None, code: int) -> str:
    """Return the subject of the first certificate of a bundle that violates the rule, or ``""``."""
    return next((_subject(it) for it in _of_bundle(ca_pem) if code in violations(it)), "")


def expired_in(ca_pem: str | None, now: datetime) -> tuple[str, datetime] | None:
    """Return subject and end of the first certificate of a bundle that has expired, or None."""
    return next(
        (
            (_subject(certificate), certificate.not_valid_after_utc)
            for certificate in _of_bundle(ca_pem)
            if certificate.not_valid_after_utc < now
        ),
        None,
    )


def _subject(certificate: "x509.Certificate") -> str:
    return clean(certificate.subject.rfc4514_string())[:200]


def _of_bundle(ca_pem: str | None) -> "Iterator[x509.Certificate]":
    from cryptography import x509

    try:
        yield from x509.load_pem_x509_certificates((ca_pem or "").encode())
    except (ValueError, x509.DuplicateExtension):
        return
