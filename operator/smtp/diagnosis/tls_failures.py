# SPDX-License-Identifier: Apache-2.0
"""Verdicts on a failed TLS handshake, by OpenSSL's codes, because its texts differ between versions."""

from datetime import UTC, datetime
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.network.trust import NotAdmitted
from smtp_operator.smtp.certificates import CertificateInfo
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.tls_alerts import meaning_of, origin_of
from smtp_operator.smtp.diagnosis.verdicts import verdict
from smtp_operator.smtp.strictness import RULES as STRICT_RULES
from smtp_operator.smtp.strictness import expired_in, violator_in

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_WRONG_PURPOSE: Final = 26
_CHAIN_RULES: Final = {
    7: "a signature in it is wrong",
    22: "it has too many certificates",
    24: "a certificate that is no CA has issued another one",
    25: "a CA has issued a CA although its path length forbids it",
    32: "a CA has issued a certificate although its keyUsage lacks keyCertSign",
    34: "a certificate has a critical extension that is not known",
    47: "a name is outside of the name constraints of a CA",
    48: "a name is among those that the name constraints of a CA exclude",
    51: "a CA has name constraints of a kind that is not supported",
}
"""Rules of RFC 5280 section 6 that a chain violates, although its CA may be trusted."""
_WEAK_KEY: Final = {66, 67, 68}
_OTHER_NAME: Final = {62, 64}
_BREAKS_RFC_5280: Final = {*range(72, 79), *range(80, 95)}

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
_WHY_REFUSED: Final = (
    ("UNKNOWN_CA", "The server does not trust the CA that issued the certificate"),
    ("EXPIRED", "The certificate is expired for the server; the clocks may differ"),
    ("REVOKED", "The certificate is revoked"),
    ("UNSUPPORTED", "The server does not support this type of certificate, or it is not for clients"),
    ("", "The server may not trust the CA that issued it, or it is expired, revoked or not for clients"),
)
"""Causes by the word in OpenSSL's reason; the last one fits all."""


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
    ca_pem: str | None = None,
    now: datetime | None = None,
) -> Verdict:
    """Return the verdict. ``name`` is the expected name in the certificate; ``facts`` is its content.

    ``ca_pem`` is the bundle of ``tls.caRef``.
    ``server_hello``: whether the server agreed on a version and a cipher before the handshake failed.
    """
    if verify_code:
        return _certificate(context, verify_code, name, facts, ca_pem=ca_pem, now=now or datetime.now(UTC))
    if (
        (context.client_certificate and refuses_client_certificate(reason))
        or wants_client_certificate(reason)
        or (reason == AMBIGUOUS and server_hello)
    ):
        return client_certificate(context, Phase.TLS, reason)
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
    meaning = meaning_of(reason)
    where = f"{context.server}:{context.port}"
    return verdict(
        meaning.reason,
        meaning.what.format(where=where) + (f" ({origin})" if (origin := origin_of(reason)) else ""),
        phase=Phase.TLS,
        why=meaning.why,
        fix=meaning.fix,
    )


def old_tls(context: DialogueContext) -> Verdict:
    """Return the verdict on a server that answers TLS 1.1 or older only, as a second look found."""
    return verdict(
        Reason.TLS_PROTOCOL_MISMATCH,
        f"{context.server}:{context.port} and this client share no TLS version",
        phase=Phase.TLS,
        why="The server drops connections with TLS 1.2 and answers TLS 1.1 or older, which RFC 8996 forbids. "
        "A second connection, without the password, found this",
        fix="Ask the server's owner to offer TLS 1.2 or 1.3",
    )


def weak_ciphers(context: DialogueContext) -> Verdict:
    """Return the verdict on a server that answers weak ciphers only, as a second look found."""
    return verdict(
        Reason.TLS_PROTOCOL_MISMATCH,
        f"{context.server}:{context.port} and this client share no cipher",
        phase=Phase.TLS,
        why="The server drops connections that offer current ciphers, and answers ciphers without forward "
        "secrecy or with SHA-1. A second connection, without the password, found this",
        fix="Ask the server's owner to offer ECDHE ciphers with AES-GCM",
    )


def client_certificate(context: DialogueContext, phase: Phase, alert: str = "") -> Verdict:
    """Return the verdict on a server that asked for a client certificate and refused what it received."""
    where = f"{context.server}:{context.port}"
    origin = f" ({origin_of(alert)})" if alert else ""
    if not context.client_certificate:
        return verdict(
            Reason.CLIENT_CERTIFICATE_REQUIRED,
            f"{where} requires a client certificate",
            phase=phase,
            fix="Set tls.clientCertificateRef: a Secret of type kubernetes.io/tls",
        )
    why = next((text for word, text in _WHY_REFUSED if word in alert), _WHY_REFUSED[-1][1])
    return verdict(
        Reason.CLIENT_CERTIFICATE_INVALID,
        f"{where} does not accept this client's certificate{origin}",
        phase=phase,
        why=why,
        fix="Set tls.clientCertificateRef: a Secret with a certificate that the server's owner issued",
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
    context: DialogueContext,
    code: int,
    name: str,
    facts: CertificateInfo | None,
    *,
    ca_pem: str | None,
    now: datetime,
) -> Verdict:
    where = f"{context.server}:{context.port}"
    if code == _EXPIRED:
        return _expired(where, facts, ca_pem, now)
    if code == _NOT_YET_VALID:
        since = f" before {facts.not_before:%Y-%m-%d %H:%M} UTC" if facts else ""
        return verdict(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"The certificate of {where} is not valid{since or ' yet'}",
            phase=Phase.TLS,
            why=f"The clock of this node shows {now:%Y-%m-%d %H:%M} UTC",
            fix="Check the clocks of the node and the server",
        )
    if code in _OTHER_NAME and facts is not None and not facts.names:
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f'The certificate of {where} ("{facts.subject}") has no subject alternative name',
            phase=Phase.TLS,
            why="The common name does not count (RFC 9525). Many programs, such as those in Go, refuse such "
            "certificates",
            fix=f"Re-issue the certificate with the subject alternative name {name}",
        )
    if code in _OTHER_NAME:
        names = ", ".join(facts.names[:5]) if facts and facts.names else "another name"
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f"The certificate of {where} is for {names}, not {name}",
            phase=Phase.TLS,
            why=f"It also expired {facts.not_after:%Y-%m-%d}" if facts and facts.not_after < now else "",
            fix="Set server: a name in the certificate, or set tls.serverName: that name",
        )
    if code in _CHAIN_RULES:
        return verdict(
            Reason.CERTIFICATE_UNTRUSTED,
            f"The certificate chain of {where} is invalid: {_CHAIN_RULES[code]}",
            phase=Phase.TLS,
            fix="Re-issue the certificate with a CA that may issue it, or correct the chain on the server",
        )
    if code in _BREAKS_RFC_5280:
        return _strict(where, code, facts, ca_pem)
    return _untrusted(context, code, facts, name)


def _expired(where: str, facts: CertificateInfo | None, ca_pem: str | None, now: datetime) -> Verdict:
    issuers = facts.issuers if facts is not None else ()
    of_issuer = next(((subject, end) for subject, end in issuers if end < now), None)
    of_bundle = expired_in(ca_pem, now)
    why, fix = "", "Renew the certificate, and restart the server so that it loads the new one"
    if facts is not None and facts.not_after < now:
        what = f"The certificate of {where} expired {facts.not_after:%Y-%m-%d}"
    elif of_issuer is not None:
        subject, end = of_issuer
        what = f'A certificate that {where} sends with its own expired {end:%Y-%m-%d} ("{subject}")'
        why = "The server's certificate itself is valid"
        fix = "Install the issuer's current certificate on the server, and restart it"
    elif of_bundle is not None:
        subject, end = of_bundle
        what = f'The CA certificate "{subject}" in tls.caRef expired {end:%Y-%m-%d}'
        why = f"The certificate of {where} itself is valid"
        fix = "Store the current CA certificate in the object of tls.caRef"
    else:
        what = f"A certificate in the chain of {where} has expired"
        why = "The server's certificate may be valid; a certificate of its issuer may have expired"
    return verdict(Reason.CERTIFICATE_EXPIRED, what, phase=Phase.TLS, why=why, fix=fix)


def _strict(where: str, code: int, facts: CertificateInfo | None, ca_pem: str | None) -> Verdict:
    rule = STRICT_RULES.get(code, f"OpenSSL's check {code} fails")
    authority = violator_in(ca_pem, code)
    if facts is not None and code in facts.violations:
        which, fix = f'The certificate of {where} ("{facts.subject}")', "Re-issue the certificate"
    elif authority:
        which = f'The CA certificate "{authority}" in tls.caRef, which verifies {where},'
        fix = "Re-issue the CA certificate, and store it in the object of tls.caRef"
    else:
        which = f"A CA certificate in the chain of {where}"
        fix = "Re-issue the CA certificate; if tls.caRef holds it, store the new one there"
    return verdict(
        Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE,
        f"{which} violates RFC 5280: {rule}",
        phase=Phase.TLS,
        why="Python 3.13 and other new programs refuse such certificates; older programs accept them",
        fix=fix,
    )


def _untrusted(context: DialogueContext, code: int, facts: CertificateInfo | None, name: str) -> Verdict:
    where = f"{context.server}:{context.port}"
    if code in _WEAK_KEY:
        what, fix = f"A certificate of {where} has a weak key", "Re-issue it with a stronger key"
    elif code == _WRONG_PURPOSE:
        what, fix = f"The certificate of {where} is not for servers", "Re-issue it for server authentication"
    elif code == _SELF_SIGNED or (facts is not None and facts.self_issued):
        what = f"The certificate of {where} is self-signed" + (f' ("{facts.subject}")' if facts else "")
        fix = "Set tls.caRef: the ConfigMap or Secret that holds this certificate"
        fix += _other_name(facts, name)
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
        fix += _other_name(facts, name)
    return verdict(Reason.CERTIFICATE_UNTRUSTED, what, phase=Phase.TLS, fix=fix)


def _other_name(facts: CertificateInfo | None, name: str) -> str:
    """Return the second part of the fix if the certificate would be refused for its name next."""
    if facts is None or facts.fits(name):
        return ""
    if not facts.names:
        return f". The certificate has no subject alternative name either: re-issue it with {name}"
    return f". It is for {', '.join(facts.names[:5])}, not {name}: also set tls.serverName: {facts.names[0]}"
