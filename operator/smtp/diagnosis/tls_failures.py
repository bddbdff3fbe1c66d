# SPDX-License-Identifier: Apache-2.0
"""Verdicts on a failed TLS handshake, by OpenSSL's codes, because its texts differ between versions."""

from datetime import UTC, datetime
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.network.trust import NotAdmitted
from smtp_operator.smtp.certificates import CertificateInfo
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.verdicts import verdict

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_WRONG_PURPOSE: Final = 26
_WEAK_KEY: Final = {66, 67, 68}
_OTHER_NAME: Final = {62, 64}
_BREAKS_RFC_5280: Final = {*range(72, 79), *range(80, 95)}
_MISSING_AUTHORITY_KEY_IDENTIFIER: Final = 85

NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "UNKNOWN_PROTOCOL",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "BAD_RECORD_TYPE",
        "NOT_TLS_RECORD",
    }
)
"""OpenSSL's reasons for bytes that are not TLS."""
AMBIGUOUS: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
"""No shared cipher, or TLS 1.2 without the client certificate that the server requires."""

_CLIENT_CERTIFICATE: Final = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_NO_CERTIFICATE")
_REFUSED_CERTIFICATE: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR", "BAD_CERT")
_OLD_VERSION: Final = (
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "INAPPROPRIATE_FALLBACK",
)


def wants_client_certificate(reason: str) -> bool:
    """Return whether OpenSSL's reason says that the server requires a client certificate."""
    return any(word in reason for word in _CLIENT_CERTIFICATE)


def refuses_client_certificate(reason: str) -> bool:
    """Return whether OpenSSL's reason says that the server refuses the client's certificate."""
    return "ALERT" in reason and any(word in reason for word in _REFUSED_CERTIFICATE)


def failed(
    context: DialogueContext,
    reason: str,
    verify_code: int,
    *,
    name: str,
    facts: CertificateInfo | None = None,
    server_hello: bool = False,
    now: datetime | None = None,
) -> Verdict:
    """Return the verdict. ``name`` is the expected name in the certificate; ``facts`` is its content.

    ``server_hello``: whether the server agreed on a version and a cipher before the handshake failed.
    """
    if verify_code:
        return _certificate(context, verify_code, name, facts, now or datetime.now(UTC))
    if context.client_certificate and refuses_client_certificate(reason):
        return verdict(
            Reason.CLIENT_CERTIFICATE_INVALID,
            f"{context.server}:{context.port} does not accept this client's certificate",
            phase=Phase.TLS,
            why="Its issuer may not be trusted, or the certificate is expired, revoked or not for clients",
            fix="Set tls.clientCertificateRef: a Secret with a certificate that the server's owner issued",
        )
    if wants_client_certificate(reason) or (reason == AMBIGUOUS and server_hello):
        return verdict(
            Reason.CLIENT_CERTIFICATE_REQUIRED,
            f"{context.server}:{context.port} requires a client certificate",
            phase=Phase.TLS,
            fix="Set tls.clientCertificateRef: a Secret of type kubernetes.io/tls",
        )
    if "UNRECOGNIZED_NAME" in reason:
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f"{context.server}:{context.port} has no certificate for {name}",
            phase=Phase.TLS,
            fix="Set tls.serverName: a name in the server's certificate",
        )
    if reason in NOT_TLS:
        return verdict(
            Reason.START_TLS_UNAVAILABLE,
            f"{context.server}:{context.port} continues in plaintext although both sides agreed on TLS",
            phase=Phase.TLS,
            why="The server's TLS is broken, or a middlebox blocks TLS",
        )
    old = any(word in reason for word in _OLD_VERSION)
    return verdict(
        Reason.TLS_PROTOCOL_MISMATCH,
        f"{context.server}:{context.port} and this client share no "
        + ("TLS version" if old else "cipher or key that both consider secure"),
        phase=Phase.TLS,
        why="The server supports only TLS 1.1 or older, which RFC 8996 forbids"
        if old
        else "The ciphers, keys or signatures of the server are too weak",
        fix="Ask the server's owner to offer TLS 1.2 or 1.3",
    )


def not_admitted(context: DialogueContext, left_out: NotAdmitted) -> Verdict:
    """Return the verdict on a server that only a CA without its owner's consent can verify."""
    return verdict(
        Reason.CA_NOT_ALLOWED,
        left_out.what(f"{context.server}:{context.port}"),
        phase=Phase.TLS,
        why=left_out.why,
        fix=left_out.fix,
    )


def _certificate(
    context: DialogueContext, code: int, name: str, facts: CertificateInfo | None, now: datetime
) -> Verdict:
    where = f"{context.server}:{context.port}"
    if code == _EXPIRED:
        of_server = facts is not None and facts.not_after < now
        what = (
            f"The certificate of {where} expired {facts.not_after:%Y-%m-%d}"
            if facts is not None and of_server
            else f"A certificate in the chain of {where} has expired"
        )
        return verdict(
            Reason.CERTIFICATE_EXPIRED,
            what,
            phase=Phase.TLS,
            why=""
            if of_server
            else "The server's certificate may be valid; a certificate of its issuer may have expired",
            fix="Renew the certificate, and restart the server so that it loads the new one",
        )
    if code == _NOT_YET_VALID:
        since = f" before {facts.not_before:%Y-%m-%d %H:%M} UTC" if facts else ""
        return verdict(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"The certificate of {where} is not valid{since or ' yet'}",
            phase=Phase.TLS,
            why=f"The clock of this node shows {now:%Y-%m-%d %H:%M} UTC",
            fix="Check the clocks of the node and the server",
        )
    if code in _OTHER_NAME:
        names = ", ".join(facts.names[:5]) if facts and facts.names else "another name"
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f"The certificate of {where} is for {names}, not {name}",
            phase=Phase.TLS,
            fix="Set server: a name in the certificate, or set tls.serverName: that name",
        )
    if code in _BREAKS_RFC_5280:
        missing = code == _MISSING_AUTHORITY_KEY_IDENTIFIER
        return verdict(
            Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE,
            f"A certificate of {where} violates RFC 5280"
            + (": it has no Authority Key Identifier" if missing else ""),
            phase=Phase.TLS,
            why="Python 3.13 and other new programs refuse such certificates; older programs accept them",
            fix="Re-issue the CA and the certificate"
            + (" with an Authority Key Identifier" if missing else " according to RFC 5280"),
        )
    return _untrusted(context, code, facts)


def _untrusted(context: DialogueContext, code: int, facts: CertificateInfo | None) -> Verdict:
    where = f"{context.server}:{context.port}"
    if code in _WEAK_KEY:
        what, fix = f"A certificate of {where} has a weak key", "Re-issue it with a stronger key"
    elif code == _WRONG_PURPOSE:
        what, fix = f"The certificate of {where} is not for servers", "Re-issue it for server authentication"
    elif code == _SELF_SIGNED or (facts is not None and facts.self_issued):
        what = f"The certificate of {where} is self-signed" + (f' ("{facts.subject}")' if facts else "")
        fix = "Set tls.caRef: the ConfigMap or Secret that holds this certificate"
    else:
        issuer = f'"{facts.issuer}"' if facts else "an authority"
        what = f"The certificate of {where} is signed by {issuer}, which the operator does not trust"
        if code == _SELF_SIGNED_IN_CHAIN:
            fix = "Set tls.caRef: the ConfigMap or Secret that holds its CA certificate"
        else:
            fix = (
                "Set tls.caRef: the ConfigMap or Secret that holds its CA certificate, or configure the "
                "server to send its intermediate certificates"
            )
    return verdict(Reason.CERTIFICATE_UNTRUSTED, what, phase=Phase.TLS, fix=fix)
