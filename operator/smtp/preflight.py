# SPDX-License-Identifier: Apache-2.0
"""Checks of the settings before the first packet."""

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode, SmtpType, Verdict
from smtp_operator.network.destination import Address, DestinationPolicy, is_loopback
from smtp_operator.network.resolver import NameInvalid, address_of, host_to_ascii
from smtp_operator.network.tls import CaBundleInvalid, ClientCertificateInvalid
from smtp_operator.smtp.certificates import TlsContexts
from smtp_operator.smtp.diagnosis.no_reply import port_not_allowed
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded, verdict
from smtp_operator.smtp.message.envelope import Envelope
from smtp_operator.smtp.request import TestRequest

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\.?\Z){_LABEL}(?:\.{_LABEL})*\.?")
_HELO = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Za-z.:]+\]")


@dataclass(frozen=True, slots=True)
class PreparedTest:
    """Checked settings in the form that the dialogue needs."""

    envelope: Envelope
    host: str
    """ASCII: an IP address or a host name."""
    server_name: str
    """The expected name in the certificate, also sent as SNI."""
    helo_name: str
    context: ssl.SSLContext | None
    """None: the dialogue is in plaintext."""


async def prepare(settings: TestRequest, policy: DestinationPolicy, contexts: TlsContexts) -> PreparedTest:
    """Return the checked settings. ``DialogueEnded``: a test of them is pointless or forbidden."""
    envelope = Envelope.of(settings)
    host = _host("server", settings.server)
    server_name = _host("tls.serverName", settings.tls.server_name) if settings.tls.server_name else host
    helo_name = _helo(settings.helo_name) if settings.helo_name else envelope.sender.domain
    if not policy.allows_port(settings.port):
        raise DialogueEnded(port_not_allowed(settings.port, policy.ports))
    if settings.smtp_type is not SmtpType.NONE and not settings.tls.verify and _sends_password(settings):
        raise DialogueEnded(_unverified(settings))
    return PreparedTest(
        envelope, host, server_name.rstrip("."), helo_name, await _context(settings, contexts)
    )


def check_secrecy(settings: TestRequest, addresses: Iterable[Address]) -> None:
    """Raise ``DialogueEnded`` if the password would cross a network in plaintext."""
    in_plaintext = settings.smtp_type is SmtpType.NONE and _sends_password(settings)
    if in_plaintext and not all(map(is_loopback, addresses)):
        raise DialogueEnded(
            verdict(
                Reason.INSECURE_AUTH_REFUSED,
                f"Refusing to send the {_secret(settings)} in plaintext (smtpType: None)",
                fix="Set smtpType: StartTLS or TLS. On a trusted network only, set allowInsecureAuth: true",
            )
        )


def _sends_password(settings: TestRequest) -> bool:
    asked = settings.login is not None and settings.mode is not Mode.CONNECT
    return asked and not settings.allow_insecure_auth


def _secret(settings: TestRequest) -> str:
    return "access token" if settings.login and settings.login.by_token else "password"


def _unverified(settings: TestRequest) -> Verdict:
    return verdict(
        Reason.INSECURE_AUTH_REFUSED,
        f"Refusing to send the {_secret(settings)} to a server without a certificate check",
        fix="Set tls.insecureSkipVerify: false and name the server's CA in tls.caRef. On a trusted network "
        "only, set allowInsecureAuth: true",
    )


async def _context(settings: TestRequest, contexts: TlsContexts) -> ssl.SSLContext | None:
    if settings.smtp_type is SmtpType.NONE:
        return None
    try:
        return await contexts.load(
            settings.tls.ca_pem,
            verify=settings.tls.verify,
            client_certificate=settings.tls.client_certificate,
            with_system=settings.tls.not_admitted is not None,
        )
    except ClientCertificateInvalid as error:
        raise DialogueEnded(
            verdict(
                Reason.CLIENT_CERTIFICATE_INVALID,
                f"tls.clientCertificateRef does not refer to a usable client certificate: {error}",
                fix="Store a valid certificate with a stronger key in that Secret",
            )
        ) from None
    except CaBundleInvalid:
        raise DialogueEnded(
            verdict(
                Reason.CA_BUNDLE_INVALID,
                "The object in tls.caRef contains no valid PEM certificate",
                fix="Store the CA certificate in it, with its BEGIN and END lines",
            )
        ) from None


def _host(field: str, text: str) -> str:
    try:
        host = host_to_ascii(text)
    except NameInvalid:
        host = ""
    if _HOST.fullmatch(host) or address_of(host) is not None:
        return host
    raise DialogueEnded(invalid_host(field, text))


def invalid_host(field: str, text: str) -> Verdict:
    """Return the verdict on an invalid host name, with the part that is invalid."""
    if "://" in text:
        why = "without a scheme"
    elif text != text.strip() or " " in text:
        why = "without spaces"
    elif text.startswith("["):
        why = "without brackets"
    elif ":" in text:
        why = "without a port, which has its own field"
    else:
        why = "of letters, digits, hyphens and dots"
    shown = "".join(character if character.isprintable() else "?" for character in text[:253])
    return verdict(Reason.INVALID_SPEC, f'{field} "{shown}" must be a host name {why}')


def _helo(text: str) -> str:
    try:
        name = host_to_ascii(text)
    except NameInvalid:
        name = ""
    if not _HELO.fullmatch(name):
        shown = "".join(character if character.isprintable() else "?" for character in text[:253])
        raise DialogueEnded(
            verdict(Reason.INVALID_SPEC, f'heloName "{shown}" must be a host name without spaces')
        )
    return name
