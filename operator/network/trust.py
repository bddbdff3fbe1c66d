# SPDX-License-Identifier: Apache-2.0
"""How a server is looked up and verified, if values may be bound to it."""

from dataclasses import dataclass
from typing import Final

UNTRUSTED: Final = frozenset({2, 18, 19, 20, 21, 27})
"""OpenSSL's X509_V_ERR_… codes of a chain that does not end at a trusted certificate."""

_SHOWN: Final = 4
"""Maximum number of fingerprints in one message; each takes 64 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAdmitted:
    """The certificates of a ``caRef`` that the owner of a bound value does not admit."""

    field: str
    """The field that names the certificates, such as ``tls.caRef``."""
    owner: str
    """The object with the annotation, such as ``Secret team-a/smtp-password``."""
    annotation: str
    fingerprints: tuple[str, ...]
    """SHA-256 of each certificate, never empty."""

    def sentences(self, server: str) -> str:
        """Return the full text for a message."""
        return f"{self.what(server)}. {self.why}. {self.fix}."

    def what(self, server: str) -> str:
        """Return what happened, without a full stop. ``server`` is host and port."""
        return f"The certificate of {server} was not issued by a CA that {self.owner} admits"

    @property
    def why(self) -> str:
        """Return why the named CA is not trusted."""
        return f"{self.owner} is bound to its servers, so {self.field} alone cannot add a CA"

    @property
    def fix(self) -> str:
        """Return what to do."""
        shown = ",".join(self.fingerprints[:_SHOWN])
        more = len(self.fingerprints) - _SHOWN
        rest = f" (and {more} more certificates that {self.field} names)" if more > 0 else ""
        return (
            f"If this CA is correct, ask the owner to add it to the annotation {self.annotation}:"
            f" {shown}{rest}; or ask the cluster admin to add it to the operator's --ca-file"
        )


FULL_NAME: Final = (
    "the server of a bound value is looked up without search domains: use the full name of a Service,"
    " NAME.NAMESPACE.svc.cluster.local"
)
"""Explains why other programs may find a name that the operator does not find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTrust:
    """The CAs that verify a server, and how its name is looked up."""

    ca_pem: str | None = None
    """The only trusted PEM bundle; None: the system's CAs and those of ``--ca-file``."""
    not_admitted: NotAdmitted | None = None
    """Set if a part of ``caRef`` is left out; the system's CAs and ``--ca-file`` then also count."""
    absolute_name: bool = False
    """Whether the server's name is looked up without search domains, because a value is bound to it."""


DEFAULT_TRUST: Final = ServerTrust()
"""The system's CAs and those of ``--ca-file``."""
