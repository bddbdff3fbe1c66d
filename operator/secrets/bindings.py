# SPDX-License-Identifier: Apache-2.0
"""Decide which CAs verify the server of a bound value: the annotation ``smtp-operator.io/allowed-ca``.

A value is bound if its owner lists the servers that it may be sent to. Users who may edit a SmtpConfig, or
the ConfigMap of its ``caRef``, are not the owner and must not choose the CA of such a server. Entries of the
annotation that are not fingerprints admit nothing.
"""

import base64
import binascii
import hashlib
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
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
    """For example, ``Secret team-a/smtp-password``."""
    admitted: frozenset[str]
    """SHA-256 of certificates, in lower-case hexadecimal."""


def binding_of(holder: JsonObject) -> Binding | None:
    """Return the binding of a Secret, ServiceAccount or vault object; None: its values are not bound.

    If the owner allows any host, the values are not bound.
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
    """Return the bindings of these objects, without duplicates."""
    found = {it.owner: it for holder in holders if (it := binding_of(holder)) is not None}
    return tuple(found.values())


def server_trust(bundle: str | None, bindings: Iterable[Binding], *, field: str) -> ServerTrust:
    """Return how to verify a server that receives bound values. ``field`` names ``bundle``.

    Only certificates that every owner admits count. If these are all of the bundle, only the bundle is
    trusted, as without a binding.
    """
    bindings = tuple(bindings)
    if not bindings:
        return ServerTrust(ca_pem=bundle)
    if bundle is None:
        return ServerTrust(absolute_name=True)
    certificates, whole = _certificates(bundle)
    for binding in bindings:
        refused = tuple(it for it in certificates if it not in binding.admitted)
        if refused:
            break
    else:
        return ServerTrust(ca_pem=whole, absolute_name=True)
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


@lru_cache(maxsize=4)
def _certificates(bundle: str) -> tuple[Mapping[str, str], str]:
    """Return fingerprint and PEM of each certificate, and the text of all; empty if one is unreadable.

    Each certificate is re-encoded, so that OpenSSL reads exactly the checked data. The last bundles are
    cached: every test reads its bundle, and most are the same.
    """
    found: dict[str, str] = {}
    for der in _blocks(bundle):
        if der is None:
            return {}, ""
        found[hashlib.sha256(der).hexdigest()] = ssl.DER_cert_to_PEM_cert(der)
    return found, "".join(found.values())


def _blocks(bundle: str) -> Iterator[bytes | None]:
    for block in bundle.split(_BEGIN)[1:]:
        text, end, _ = block.partition(_END)
        try:
            yield base64.b64decode("".join(text.split()), validate=True) if end else None
        except (binascii.Error, ValueError):
            yield None
