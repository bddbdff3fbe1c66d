# SPDX-License-Identifier: Apache-2.0
"""Meanings of OpenSSL's reasons for a failed handshake, each with its own fix.

To support another reason, add it to a row of ``_MEANINGS``. Names are those of OpenSSL's sslerr.h.
"""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """Texts for OpenSSL's reasons that contain one of ``words``; ``{where}`` is host and port."""

    words: tuple[str, ...]
    reason: Reason
    what: str
    why: str
    fix: str


_OWNER: Final = "Ask the server's owner to"

_MEANINGS: Final = (
    Meaning(
        ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "INAPPROPRIATE_FALLBACK"),
        Reason.TLS_PROTOCOL_MISMATCH,
        "{where} and this client share no TLS version",
        "The server supports only TLS 1.1 or older, which RFC 8996 forbids",
        f"{_OWNER} offer TLS 1.2 or 1.3",
    ),
    Meaning(
        ("DH_KEY_TOO_SMALL", "BAD_DH_VALUE", "MODULUS_TOO_SMALL"),
        Reason.TLS_PROTOCOL_MISMATCH,
        "{where} uses a Diffie-Hellman (DH) group that is too small to be secure",
        "New TLS libraries refuse groups of fewer than 2,048 bits",
        f"{_OWNER} use a DH group of 2,048 bits or more, or ciphers with ECDHE",
    ),
    Meaning(
        ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "KEY_SIZE_TOO_SMALL"),
        Reason.TLS_PROTOCOL_MISMATCH,
        "A certificate of {where} has a key that is too small to be secure",
        "New TLS libraries refuse RSA keys of fewer than 2,048 bits",
        f"{_OWNER} replace the certificate by one with an RSA key of 2,048 bits or more",
    ),
    Meaning(
        ("SIGNATURE", "SIGALG", "MD_TOO_WEAK"),
        Reason.TLS_PROTOCOL_MISMATCH,
        "{where} and this client share no signature algorithm",
        "The server's key or certificate permits only signatures that are no longer secure, such as SHA-1",
        f"{_OWNER} replace the certificate by one that is signed with SHA-256 or newer",
    ),
    Meaning(
        ("CURVE", "GROUPS", "ECPOINT"),
        Reason.TLS_PROTOCOL_MISMATCH,
        "{where} and this client share no elliptic curve or key exchange group",
        "The server offers none of the groups that this client considers secure",
        f"{_OWNER} enable the groups X25519 or P-256",
    ),
    Meaning(
        ("UNSAFE_LEGACY_RENEGOTIATION",),
        Reason.TLS_PROTOCOL_MISMATCH,
        "{where} does not support secure renegotiation (RFC 5746)",
        "The TLS library of the server is outdated",
        f"{_OWNER} update its TLS library",
    ),
    Meaning(
        ("ACCESS_DENIED",),
        Reason.CLIENT_BLOCKED,
        "{where} refuses this client in the TLS handshake",
        "The server may not allow the IP address that this cluster sends from",
        f"{_OWNER} allow the cluster's egress address",
    ),
    Meaning(
        (
            "INTERNAL_ERROR",
            "DECODE_ERROR",
            "UNEXPECTED_MESSAGE",
            "ILLEGAL_PARAMETER",
            "BAD_RECORD_MAC",
            "DECRYPTION_FAILED",
            "RECORD_OVERFLOW",
            "USER_CANCELLED",
            "NO_RENEGOTIATION",
            "DECOMPRESSION",
            "LENGTH_MISMATCH",
            "BAD_EXTENSION",
            "BAD_PACKET",
        ),
        Reason.TLS_HANDSHAKE_DROPPED,
        "{where} failed in the TLS handshake",
        "The server speaks TLS, but its TLS has an internal error",
        "If the error persists, ask the server's owner to check the log of the server",
    ),
)
_UNKNOWN: Final = Meaning(
    (),
    Reason.TLS_PROTOCOL_MISMATCH,
    "{where} and this client share no cipher or key that both consider secure",
    "The ciphers, keys or signatures of the server are too weak, or it has no certificate for them",
    f"{_OWNER} enable current ciphers, such as ECDHE with AES-GCM",
)

_NUMBERS: Final = {
    "UNEXPECTED_MESSAGE": 10,
    "BAD_RECORD_MAC": 20,
    "DECRYPTION_FAILED": 21,
    "RECORD_OVERFLOW": 22,
    "DECOMPRESSION_FAILURE": 30,
    "HANDSHAKE_FAILURE": 40,
    "NO_CERTIFICATE": 41,
    "BAD_CERTIFICATE": 42,
    "UNSUPPORTED_CERTIFICATE": 43,
    "CERTIFICATE_REVOKED": 44,
    "CERTIFICATE_EXPIRED": 45,
    "CERTIFICATE_UNKNOWN": 46,
    "ILLEGAL_PARAMETER": 47,
    "UNKNOWN_CA": 48,
    "ACCESS_DENIED": 49,
    "DECODE_ERROR": 50,
    "DECRYPT_ERROR": 51,
    "EXPORT_RESTRICTION": 60,
    "PROTOCOL_VERSION": 70,
    "INSUFFICIENT_SECURITY": 71,
    "INTERNAL_ERROR": 80,
    "INAPPROPRIATE_FALLBACK": 86,
    "USER_CANCELLED": 90,
    "NO_RENEGOTIATION": 100,
    "MISSING_EXTENSION": 109,
    "UNSUPPORTED_EXTENSION": 110,
    "UNRECOGNIZED_NAME": 112,
    "CERTIFICATE_REQUIRED": 116,
    "NO_APPLICATION_PROTOCOL": 120,
}
"""Numbers of the alerts (RFC 8446 section 6), which the logs of servers show."""


def meaning_of(reason: str) -> Meaning:
    """Return the meaning of OpenSSL's reason; unknown ones are about ciphers."""
    return next((it for it in _MEANINGS if any(word in reason for word in it.words)), _UNKNOWN)


def origin_of(reason: str) -> str:
    """Return OpenSSL's reason for a message: ``OpenSSL: NAME``, with an alert its number; may be empty."""
    if not reason:
        return ""
    name = reason.partition("_ALERT_")[2]
    return f"OpenSSL: {reason}" + (f", alert {_NUMBERS[name]}" if name in _NUMBERS else "")
