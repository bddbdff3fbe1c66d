# SPDX-License-Identifier: Apache-2.0
"""The content of the published Secret: what it must be, and whether an existing one is that."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from smtp_operator.api.names import (
    ALLOW_PUBLISH,
    ALLOWED_CA,
    ALLOWED_SERVERS,
    API_VERSION,
    FIELD_MANAGER,
    PUBLISHED_LABEL,
    SMTP_CONFIG_KIND,
    WATCH_LABEL,
)
from smtp_operator.api.objects import JsonObject, field_writes
from smtp_operator.api.publish import Publish, PublishedField
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.status import TestedReference
from smtp_operator.api.verdict import SmtpType
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.smtp.message.addresses import parse_mailbox
from smtp_operator.smtp.request import SmtpLogin

_LABELS: Final = {PUBLISHED_LABEL: "true", WATCH_LABEL: "true"}
"""The second one makes ``--secret-watch label`` report edits."""
_BINDINGS: Final = (ALLOWED_SERVERS, ALLOWED_CA, ALLOW_PUBLISH)
_FROM_SERVER: Final = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "selfLink",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenSettings:
    """The settings of one passed test, or values read again whose versions are those of that test."""

    login: SmtpLogin | None
    holders: tuple[JsonObject, ...] = field(repr=False)
    """The objects that bind the values."""
    references: tuple[TestedReference, ...]
    """The versions of everything that was read."""
    ca_chain: tuple[bytes, ...] = ()
    """The CA certificates (DER) that verified the server."""
    mechanism: str = ""
    """The AUTH mechanism that was used."""
    proven_at: float
    """Seconds since the epoch."""


def secret_of(
    snapshot: Snapshot,
    publish: Publish,
    proven: ProvenSettings,
    *,
    helo_name: str | None,
    annotations: Mapping[str, str],
) -> JsonObject:
    """Return the Secret that must exist. ``helo_name`` is the operator's, ``annotations`` bind the copy."""
    values = _values(snapshot.spec, proven, helo_name)
    data = {key.name: key.value if key.field is None else values.get(key.field) for key in publish.all_keys}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": snapshot.key.namespace,
            "name": publish.secret_name,
            "labels": dict(_LABELS),
            "annotations": dict(annotations),
            "ownerReferences": [_owner(snapshot)],
        },
        "type": publish.type,
        "data": {name: _encoded(value) for name, value in data.items() if value is not None},
    }


def is_owned(secret: JsonObject, snapshot: Snapshot) -> bool:
    """Return whether the operator made the Secret for exactly this object; a label alone proves nothing."""
    metadata = secret["metadata"]
    owners = [it for it in metadata.get("ownerReferences") or () if it.get("controller")]
    owned = [(it.get("kind"), it.get("uid")) for it in owners] == [(SMTP_CONFIG_KIND, snapshot.version.uid)]
    return owned and (metadata.get("labels") or {}).get(PUBLISHED_LABEL) == "true"


def is_current(secret: JsonObject, wanted: JsonObject) -> bool:
    """Return whether an owned Secret is as it must be; labels and annotations of others do not matter."""
    metadata, must = secret["metadata"], wanted["metadata"]
    labels = metadata.get("labels") or {}
    return (
        (secret.get("data") or {}) == wanted["data"]
        and secret.get("type") == wanted["type"]
        and all(labels.get(name) == value for name, value in must["labels"].items())
        and bindings(secret) == bindings(wanted)
    )


def bindings(secret: JsonObject) -> dict[str, Any]:
    """Return the annotations that bind the values of a Secret."""
    annotations = secret["metadata"].get("annotations") or {}
    return {name: annotations[name] for name in _BINDINGS if name in annotations}


def must_be_created_again(secret: JsonObject, wanted: JsonObject) -> bool:
    """Return whether the API server accepts no such change of an existing Secret."""
    return secret.get("type") != wanted["type"] or bool(secret.get("immutable"))


def replacement(secret: JsonObject, wanted: JsonObject) -> JsonObject:
    """Return the Secret to write over an existing one; it keeps labels and annotations of others."""
    metadata, must = secret["metadata"], wanted["metadata"]
    others = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _BINDINGS}
    kept = {name: value for name, value in metadata.items() if name not in _FROM_SERVER}
    return {
        **wanted,
        "metadata": {
            **kept,
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "labels": {**(metadata.get("labels") or {}), **must["labels"]},
            "annotations": {**others, **must["annotations"]},
        },
    }


def was_edited(secret: JsonObject, annotations: Mapping[str, str] | None) -> bool:
    """Return whether someone else wrote a value or a binding of the Secret, by the owners of its fields.

    In doubt it was, for example without managedFields. ``annotations`` bind the sources now; None: unknown.
    """
    entries = secret["metadata"].get("managedFields") or ()
    writes = field_writes(entries)
    ours = {key for it in writes if it.manager == FIELD_MANAGER for key in it.data_keys}
    others = {key for it in writes if it.manager != FIELD_MANAGER for key in it.data_keys}
    if others or ours != (secret.get("data") or {}).keys():
        return True
    unbound = ALLOWED_SERVERS in (annotations or {}) and ALLOWED_SERVERS not in bindings(secret)
    return unbound or any(it.get("manager") != FIELD_MANAGER and _has_binding(it) for it in entries)


def _has_binding(entry: Mapping[str, Any]) -> bool:
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    annotations = metadata.get("f:annotations") or {}
    return any(f"f:{name}" in annotations for name in _BINDINGS)


def _owner(snapshot: Snapshot) -> JsonObject:
    # Without blockOwnerDeletion, which would need a permission and delay the deletion of the owner.
    return {
        "apiVersion": API_VERSION,
        "kind": SMTP_CONFIG_KIND,
        "name": snapshot.key.name,
        "uid": snapshot.version.uid,
        "controller": True,
    }


def _values(
    spec: SmtpConfigSpec, proven: ProvenSettings, helo_name: str | None
) -> dict[PublishedField, str | None]:
    """Return the value of each field; None if the settings lack it."""
    login, sender = proven.login, parse_mailbox(spec.from_)
    host = f"[{spec.server}]" if ":" in spec.server else spec.server
    has_ca = spec.tls is not None and spec.tls.ca_ref is not None
    return {
        PublishedField.HOST: spec.server,
        PublishedField.PORT: str(spec.port),
        PublishedField.HOST_PORT: f"{host}:{spec.port}",
        PublishedField.USERNAME: login.username if login else None,
        PublishedField.PASSWORD: login.password if login else None,
        PublishedField.URI: _uri(spec, login, host),
        PublishedField.FROM: spec.from_,
        PublishedField.FROM_ADDRESS: sender.address,
        PublishedField.FROM_NAME: sender.name or None,
        PublishedField.FROM_LOCAL_PART: sender.local,
        PublishedField.FROM_DOMAIN: sender.domain,
        PublishedField.SMTP_TYPE: str(spec.smtp_type),
        PublishedField.START_TLS: _truth(spec.smtp_type is SmtpType.START_TLS),
        PublishedField.IMPLICIT_TLS: _truth(spec.smtp_type is SmtpType.TLS),
        PublishedField.INSECURE_SKIP_VERIFY: _truth(bool(spec.tls and spec.tls.insecure_skip_verify)),
        PublishedField.HELO_NAME: spec.helo_name or helo_name or sender.domain,
        PublishedField.AUTH_MECHANISM: (proven.mechanism or None) if login else None,
        PublishedField.CA_BUNDLE: _bundle(proven.ca_chain) if has_ca else None,
    }


def _uri(spec: SmtpConfigSpec, login: SmtpLogin | None, host: str) -> str:
    scheme = "smtps" if spec.smtp_type is SmtpType.TLS else "smtp"
    user = "" if login is None else f"{quote(login.username, safe='')}:{quote(login.password, safe='')}@"
    return f"{scheme}://{user}{host}:{spec.port}"


def _bundle(chain: tuple[bytes, ...]) -> str | None:
    """Return the certificates in PEM, re-encoded, so that nothing else of the named bundle is in it."""
    return "".join(ssl.DER_cert_to_PEM_cert(it) for it in chain) or None


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()
