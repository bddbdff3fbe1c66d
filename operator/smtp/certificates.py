# SPDX-License-Identifier: Apache-2.0
"""TLS contexts for mail servers, and the content of their certificates."""

import asyncio
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from smtp_operator.api.verdict import Certificate
from smtp_operator.network.tls import CaBundleInvalid, ClientCertificate, client_context
from smtp_operator.smtp.replies import clean
from smtp_operator.smtp.strictness import violations

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["CaBundleInvalid", "CertificateInfo", "TlsContexts"]

_KEPT_CONTEXTS: Final = 128
_KEPT_BYTES: Final = 1024 * 1024
"""Total size of the bundles of cached contexts. Parsed bundles take about ten times as much memory."""
_NAME: Final = 600
"""Characters of a name in a certificate that are read. The name is cut again when it is shown."""

_MOST_ISSUERS: Final = 8
_DER: Final = 2
"""The encoding DER of ``_ssl``."""
_MESSAGE_CALLBACK: Final = "_msg_callback"
"""Attribute of ``SSLContext`` that receives the messages of handshakes. The ssl module has it for tests."""
_HANDSHAKE, _CERTIFICATE_REQUEST = 22, 13

_requested: "weakref.WeakSet[ssl.SSLObject]" = weakref.WeakSet()

_Key = tuple[str | None, bool, bool]
"""The bundle, and whether to verify and to trust the system's CAs. Tests share the text of a bundle."""


def watch(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make ``certificate_requested`` work for the sessions of a context, and return the context."""

    def on_message(session: Any, direction: str, *details: Any) -> None:
        _, kind, message, _ = details
        if direction == "read" and (kind, message) == (_HANDSHAKE, _CERTIFICATE_REQUEST):
            _requested.add(session)

    if hasattr(context, _MESSAGE_CALLBACK):
        setattr(context, _MESSAGE_CALLBACK, on_message)
    return context


def certificate_requested(session: ssl.SSLObject | None) -> bool:
    """Return whether the server asked for a client certificate (CertificateRequest) in this session."""
    return session is not None and session in _requested


class TlsContexts:
    """Creates and caches contexts: reading the system's CAs takes longer than a whole dialogue."""

    def __init__(self, ca_file: str | None = None) -> None:
        """Create an empty cache. ``ca_file`` is the PEM text of ``--ca-file``."""
        self._ca_file = ca_file
        self._made: dict[_Key, tuple[ssl.SSLContext, int]] = {}
        self._parsing = asyncio.Lock()

    def get(
        self,
        ca_pem: str | None,
        *,
        verify: bool,
        client_certificate: ClientCertificate | None = None,
        with_system: bool = False,
    ) -> ssl.SSLContext:
        """Return the context for these settings of ``client_context``; one with a private key is not cached.

        Raises:
            CaBundleInvalid, ClientCertificateInvalid
        """
        if client_certificate is not None:
            return self._context(ca_pem, verify, client_certificate, with_system)
        key = ca_pem, verify, with_system
        if key in self._made:
            return self._made[key][0]
        context = self._context(ca_pem, verify, None, with_system)
        self._keep(key, context, len(ca_pem or ""))
        return context

    async def load(
        self,
        ca_pem: str | None,
        *,
        verify: bool,
        client_certificate: ClientCertificate | None = None,
        with_system: bool = False,
    ) -> ssl.SSLContext:
        """Return the same as ``get``, but parse a new bundle in a thread, one bundle at a time.

        Raises:
            CaBundleInvalid, ClientCertificateInvalid
        """
        if ca_pem is None or not verify:
            return self.get(
                ca_pem, verify=verify, client_certificate=client_certificate, with_system=with_system
            )
        key = ca_pem, verify, with_system
        if client_certificate is None and key in self._made:
            return self._made[key][0]
        async with self._parsing:
            if client_certificate is None and key in self._made:
                return self._made[key][0]
            context = await asyncio.to_thread(self._context, ca_pem, verify, client_certificate, with_system)
        if client_certificate is None:
            self._keep(key, context, len(ca_pem))
        return context

    def _context(
        self,
        ca_pem: str | None,
        verify: bool,
        client_certificate: ClientCertificate | None,
        with_system: bool,
    ) -> ssl.SSLContext:
        return watch(
            client_context(
                ca_pem,
                verify=verify,
                client_certificate=client_certificate,
                with_system=with_system,
                ca_file=self._ca_file,
            )
        )

    def _keep(self, key: _Key, context: ssl.SSLContext, size: int) -> None:
        kept = sum(size for _, size in self._made.values()) + size
        while self._made and (len(self._made) >= _KEPT_CONTEXTS or kept > _KEPT_BYTES):
            kept -= self._made.pop(next(iter(self._made)))[1]
        self._made[key] = (context, size)


def verifying_chain(session: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the CA certificates (DER) that verified the server's certificate; empty without verification.

    A server's certificate that is itself trusted is its own CA.
    """
    # SSLObject has the method itself from Python 3.13 on.
    inner: Any = session if hasattr(session, "get_verified_chain") else getattr(session, "_sslobj", None)
    if session.context.verify_mode is ssl.CERT_NONE or inner is None:
        return ()
    chain = [_der(it) for it in inner.get_verified_chain() or ()]
    return tuple(chain[1:] or chain)


def _der(certificate: Any) -> bytes:
    if isinstance(certificate, bytes):
        return certificate
    return ssl.PEM_cert_to_DER_cert(certificate.public_bytes())


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """The content of a certificate; every text is clean and cut."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """Subject alternative names: DNS names and IP addresses."""
    not_before: datetime
    not_after: datetime
    self_issued: bool
    issuers: tuple[tuple[str, datetime], ...] = ()
    """Subject and end of the certificates that the server sends after its own."""
    violations: frozenset[int] = frozenset()
    """OpenSSL's codes of the rules of RFC 5280 that the certificate violates, see ``strictness``."""

    @classmethod
    def of(cls, der: bytes) -> "CertificateInfo | None":
        """Parse a certificate. Return None if it is invalid."""
        from cryptography import x509  # 8 MB; not needed without TLS

        try:
            certificate = x509.load_der_x509_certificate(der)
            return cls(
                subject=_name(certificate.subject),
                issuer=_name(certificate.issuer),
                names=_names(certificate),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                self_issued=certificate.subject == certificate.issuer,
                violations=violations(certificate),
            )
        except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
            return None

    @classmethod
    def of_session(cls, session: ssl.SSLObject | None) -> "CertificateInfo | None":
        """Return the content of the server's certificate in a TLS session; None if it has none."""
        der = None if session is None else session.getpeercert(binary_form=True)
        found = cls.of(der) if der else None
        return found and replace(found, issuers=_issuers(session))

    def fits(self, name: str) -> bool:
        """Return whether one of the names is ``name``, or a wildcard for it."""
        name = name.lower().rstrip(".")
        wildcard = "*." + name.partition(".")[2]
        return any(it.lower().rstrip(".") in {name, wildcard} for it in self.names)

    def redacted(self, shown: Callable[[str], str]) -> "CertificateInfo":
        """Return a copy with every text redacted by ``shown``, because the server wrote the texts."""
        names = tuple(map(shown, self.names))
        issuers = tuple((shown(subject), end) for subject, end in self.issuers)
        return replace(
            self, subject=shown(self.subject), issuer=shown(self.issuer), names=names, issuers=issuers
        )

    @property
    def for_status(self) -> Certificate:
        """The form in ``status.lastTest.server.certificate``."""
        return Certificate(
            subject=self.subject,
            issuer=self.issuer,
            not_before=self.not_before.timestamp(),
            not_after=self.not_after.timestamp(),
        )


def _issuers(session: ssl.SSLObject | None) -> tuple[tuple[str, datetime], ...]:
    from cryptography import x509

    inner = getattr(session, "_sslobj", None)  # public only since Python 3.13
    read = getattr(inner, "get_unverified_chain", None)
    found = []
    for certificate in ((read and read()) or ())[1:_MOST_ISSUERS]:
        try:
            parsed = x509.load_der_x509_certificate(certificate.public_bytes(_DER))
            found.append((_name(parsed.subject), parsed.not_valid_after_utc))
        except ValueError:
            return ()
    return tuple(found)


def _name(name: "x509.Name") -> str:
    text = clean(name.rfc4514_string())
    return text if len(text) <= _NAME else text[: _NAME - 1] + "…"


def _names(certificate: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return ()
    if not isinstance(found, x509.SubjectAlternativeName):
        return ()
    names = [*found.get_values_for_type(x509.DNSName)]
    names += map(str, found.get_values_for_type(x509.IPAddress))
    return tuple(clean(name)[:_NAME] for name in names)
