# SPDX-License-Identifier: Apache-2.0
"""Which CAs verify the server of a bound value: the annotation ``smtp-operator.io/allowed-ca``.

A value is bound if its owner names the servers that it may be sent to. Who may edit a SmtpConfig, or the
ConfigMap of somebody else's ``caRef``, is not the owner, and must not choose who passes for such a server.
What the annotation holds that is not a fingerprint admits nothing.
"""

import base64
import binascii
import hashlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from smtp_operator.api.names import ALLOWED_CA, ALLOWED_SERVERS
from smtp_operator.api.objects import JsonObject
from smtp_operator.network.trust import NotAdmitted, ServerTrust

_ANY_HOST, _EVERYWHERE = "*", "*:*"
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Binding:
    """A bound value: the object that holds it, and the CAs that its owner admits."""

    owner: str
    """Such as ``Secret team-a/smtp-password``."""
    admitted: frozenset[str]
    """SHA-256 of certificates, in lower-case hexadecimal."""


def binding_of(holder: JsonObject) -> Binding | None:
    """Return what binds the values of a Secret, ServiceAccount or vault object; None: nothing does.

    An owner who lets values go to any host has bound them to none.
    """
    metadata = holder["metadata"]
    annotations: dict[str, Any] = metadata.get("annotations") or {}
    if not _is_bound(holder, annotations):
        return None
    namespace = metadata.get("namespace")
    name = f"{namespace}/{metadata['name']}" if namespace else metadata["name"]
    admitted = str(annotations.get(ALLOWED_CA) or "").split(",")
    return Binding(f"{holder.get('kind', 'Secret')} {name}", frozenset(it.strip() for it in admitted))


def bindings_of(holders: Iterable[JsonObject]) -> tuple[Binding, ...]:
    """Return what binds the values of these objects, each object once."""
    found = {it.owner: it for holder in holders if (it := binding_of(holder)) is not None}
    return tuple(found.values())


def server_trust(bundle: str | None, bindings: Iterable[Binding], *, field: str) -> ServerTrust:
    """Return what verifies a server to which bound values are sent. ``field`` names ``bundle``.

    Of the bundle only those certificates count that every owner admits. Where that is all of it, it alone is
    trusted, as without a binding.
    """
    bindings = tuple(bindings)
    if not bindings:
        return ServerTrust(ca_pem=bundle)
    if bundle is None:
        return ServerTrust(absolute_name=True)
    certificates = _certificates(bundle)
    for binding in bindings:
        refused = tuple(it for it in certificates if it not in binding.admitted)
        if refused:
            break
    else:
        return ServerTrust(ca_pem="".join(certificates.values()), absolute_name=True)
    admitted = [pem for it, pem in certificates.items() if all(it in one.admitted for one in bindings)]
    return ServerTrust(
        ca_pem="".join(admitted) or None,
        not_admitted=NotAdmitted(
            field=field, owner=binding.owner, annotation=ALLOWED_CA, fingerprints=refused
        ),
        absolute_name=True,
    )


def _is_bound(holder: JsonObject, annotations: dict[str, Any]) -> bool:
    if holder.get("kind") in ("SmtpVault", "ClusterSmtpVault"):
        allowed = holder["spec"].get("allowedServers")
        return allowed is not None and not any(it.rpartition(":")[0] == _ANY_HOST for it in allowed)
    annotation = annotations.get(ALLOWED_SERVERS)
    return annotation is not None and _EVERYWHERE not in (it.strip() for it in annotation.split(","))


def _certificates(bundle: str) -> dict[str, str]:
    """Return fingerprint and PEM of each certificate; nothing where one cannot be read.

    Each is encoded anew, so that OpenSSL reads what was judged here and nothing else.
    """
    found: dict[str, str] = {}
    for der in _blocks(bundle):
        if der is None:
            return {}
        found[hashlib.sha256(der).hexdigest()] = ssl.DER_cert_to_PEM_cert(der)
    return found


def _blocks(bundle: str) -> Iterator[bytes | None]:
    for block in bundle.split(_BEGIN)[1:]:
        text, end, _ = block.partition(_END)
        try:
            yield base64.b64decode("".join(text.split()), validate=True) if end else None
        except (binascii.Error, ValueError):
            yield None
