# SPDX-License-Identifier: Apache-2.0
"""What a failed TLS handshake means. Told by OpenSSL's codes, since its texts differ by version."""

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

IN_CLEAR: Final = frozenset(
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
"""OpenSSL's reasons that bytes gave which are no TLS."""
AMBIGUOUS: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
"""No shared cipher, or TLS 1.2 without the client certificate it wants."""

_CLIENT_CERTIFICATE: Final = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_NO_CERTIFICATE")
_REFUSED_CERTIFICATE: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR", "BAD_CERT")
_OLD_VERSION: Final = (
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "INAPPROPRIATE_FALLBACK",
)


def wants_client_certificate(reason: str) -> bool:
    """Whether OpenSSL's reason says that the server wants to know who the client is."""
    return any(word in reason for word in _CLIENT_CERTIFICATE)


def refuses_client_certificate(reason: str) -> bool:
    """Whether OpenSSL's reason says that the server does not like what the client has shown."""
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
    """The verdict. ``name`` is the one looked for in the certificate, ``facts`` what it says.

    ``server_hello``: whether the server had agreed on version and cipher before it gave up.
    """
    if verify_code:
        return _certificate(context, verify_code, name, facts, now or datetime.now(UTC))
    if context.client_certificate and refuses_client_certificate(reason):
        return verdict(
            Reason.CLIENT_CERTIFICATE_INVALID,
            f"{context.server}:{context.port} does not accept this client's certificate",
            phase=Phase.TLS,
            why="It may not know who issued it, or the certificate is expired, revoked or not for clients",
            fix="Set tls.clientCertificateRef: a Secret with a certificate that the server's owner issued",
        )
    if wants_client_certificate(reason) or (reason == AMBIGUOUS and server_hello):
        return verdict(
            Reason.CLIENT_CERTIFICATE_REQUIRED,
            f"{context.server}:{context.port} demands a client certificate",
            phase=Phase.TLS,
            fix="Set tls.clientCertificateRef: a Secret of type kubernetes.io/tls",
        )
    if "UNRECOGNIZED_NAME" in reason:
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f"{context.server}:{context.port} has no certificate for {name}",
            phase=Phase.TLS,
            fix="Set tls.serverName: the name that the server's certificate is for",
        )
    if reason in IN_CLEAR:
        return verdict(
            Reason.START_TLS_UNAVAILABLE,
            f"{context.server}:{context.port} goes on in clear text although TLS was agreed on",
            phase=Phase.TLS,
            why="The server's TLS is broken, or a middlebox in between does not let it through",
        )
    old = any(word in reason for word in _OLD_VERSION)
    return verdict(
        Reason.TLS_PROTOCOL_MISMATCH,
        f"{context.server}:{context.port} and this client share no "
        + ("TLS version" if old else "cipher or key that both hold to be safe"),
        phase=Phase.TLS,
        why="The server speaks TLS 1.1 or older only, which RFC 8996 forbids; this client wants 1.2 or newer"
        if old
        else "The server offers ciphers, keys or signatures that are too weak today",
        fix="Ask the server's owner to offer TLS 1.2 or 1.3",
    )


def not_admitted(context: DialogueContext, left_out: NotAdmitted) -> Verdict:
    """Return the verdict on a server that only a CA without its owner's consent could verify."""
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
            else f"A certificate that {where} shows has expired"
        )
        return verdict(
            Reason.CERTIFICATE_EXPIRED,
            what,
            phase=Phase.TLS,
            why="" if of_server else "The server's own may be good and its issuer's be too old",
            fix="Have it renewed, and the server restarted so that it loads the new one",
        )
    if code == _NOT_YET_VALID:
        since = f" before {facts.not_before:%Y-%m-%d %H:%M} UTC" if facts else ""
        return verdict(
            Reason.CERTIFICATE_NOT_YET_VALID,
            f"The certificate of {where} is not valid{since or ' yet'}",
            phase=Phase.TLS,
            why=f"By this node's clock it is {now:%Y-%m-%d %H:%M} UTC",
            fix="Check the clocks of node and server",
        )
    if code in _OTHER_NAME:
        names = ", ".join(facts.names[:5]) if facts and facts.names else "another name"
        return verdict(
            Reason.CERTIFICATE_HOSTNAME_MISMATCH,
            f"The certificate of {where} is for {names}, not {name}",
            phase=Phase.TLS,
            fix="Set server: a name it is for, or set tls.serverName: that name",
        )
    if code in _BREAKS_RFC_5280:
        missing = code == _MISSING_AUTHORITY_KEY_IDENTIFIER
        return verdict(
            Reason.CERTIFICATE_REJECTED_BY_STRICT_MODE,
            f"A certificate that {where} shows breaks a rule of RFC 5280"
            + (": it has no Authority Key Identifier" if missing else ""),
            phase=Phase.TLS,
            why="Python 3.13 and newer programs refuse such certificates, older ones took them",
            fix="Re-issue the CA and the certificate"
            + (" with an Authority Key Identifier" if missing else " according to RFC 5280"),
        )
    return _untrusted(context, code, facts)


def _untrusted(context: DialogueContext, code: int, facts: CertificateInfo | None) -> Verdict:
    where = f"{context.server}:{context.port}"
    if code in _WEAK_KEY:
        what, fix = f"A certificate that {where} shows is too weak", "Re-issue it with a stronger key"
    elif code == _WRONG_PURPOSE:
        what, fix = f"The certificate of {where} is not for servers", "Re-issue it for server authentication"
    elif code == _SELF_SIGNED or (facts is not None and facts.self_issued):
        what = f"The certificate of {where} is signed by itself" + (f' ("{facts.subject}")' if facts else "")
        fix = "Set tls.caRef: the ConfigMap or Secret that holds this certificate"
    else:
        issuer = f'"{facts.issuer}"' if facts else "an authority"
        what = f"The certificate of {where} is signed by {issuer}, unknown to the operator"
        if code == _SELF_SIGNED_IN_CHAIN:
            fix = "Set tls.caRef: the ConfigMap or Secret that holds its CA certificate"
        else:
            fix = (
                "Set tls.caRef: the ConfigMap or Secret that holds its CA certificate; or have the server "
                "send its intermediate certificates too"
            )
    return verdict(Reason.CERTIFICATE_UNTRUSTED, what, phase=Phase.TLS, fix=fix)
