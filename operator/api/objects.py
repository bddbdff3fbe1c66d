# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects as the core sees them: names, versions, and what can go wrong with them."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

JsonObject = dict[str, Any]
"""An object as the API server sends it."""

_MOST_BYTES_OF_WRITES: Final = 32 * 1024
_BYTES_OF_A_TEXT: Final = 50
_DATA: Final = ("f:data", "f:binaryData", "f:stringData")


class ObjectKey(NamedTuple):
    """Which SmtpConfig, or which object of another kind of ours."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """``namespace/name``; the name alone where there is no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


VaultKindName = Literal["SmtpVault", "ClusterSmtpVault"]
ServedKind = Literal["SmtpConfig", "SmtpVault", "ClusterSmtpVault"]
ReferenceKind = Literal["Secret", "ConfigMap", "ServiceAccount", "Namespace", "SmtpVault", "ClusterSmtpVault"]

WATCHED_KINDS: Final[tuple[ReferenceKind, ...]] = ("Secret", "ConfigMap", "ServiceAccount")
"""Kinds of which ``--secret-watch`` says how their changes are noticed."""


class Reference(NamedTuple):
    """An object that a SmtpConfig or a vault object names; it may not exist (yet)."""

    kind: ReferenceKind
    namespace: str
    """Empty where the kind is of the whole cluster."""
    name: str

    @property
    def is_vault(self) -> bool:
        """Whether it is a vault object."""
        return self.kind in ("SmtpVault", "ClusterSmtpVault")

    def written_from(self, namespace: str) -> str:
        """Its name, with its namespace in front where that is another one."""
        return self.name if self.namespace in ("", namespace) else f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        """Such as ``Secret team-a/smtp-password`` or ``ClusterSmtpVault corp``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class FieldWrite(NamedTuple):
    """An entry of managedFields: who wrote when, and which keys of the object's data are theirs."""

    manager: str
    operation: str
    time: str
    """As the API server wrote it, in whole seconds."""
    data_keys: tuple[str, ...]


def field_writes(managed_fields: Iterable[Mapping[str, Any]] | None) -> tuple[FieldWrite, ...]:
    """The entries of managedFields; a tenth of their size, as one is kept for each object that is named.

    None where there are more than may be kept: then every change of the object is in doubt (rule 6).
    """
    writes = tuple(
        FieldWrite(
            manager=sys.intern(str(entry.get("manager"))),
            operation=sys.intern(str(entry.get("operation"))),
            time=str(entry.get("time")),
            data_keys=_data_keys(entry.get("fieldsV1") or {}),
        )
        for entry in managed_fields or ()
    )
    kept = sum(_BYTES_OF_A_TEXT + len(key) for write in writes for key in (write.manager, *write.data_keys))
    return writes if kept <= _MOST_BYTES_OF_WRITES else ()


def _data_keys(fields: Mapping[str, Any]) -> tuple[str, ...]:
    named = {field for data in _DATA for field in fields.get(data) or ()}
    return tuple(sorted(sys.intern(it.removeprefix("f:")) for it in named if it.startswith("f:")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMetadata:
    """What a metadata-only watch tells of an object; never its data."""

    reference: Reference
    uid: str
    resource_version: str
    writes: tuple[FieldWrite, ...] = ()

    @property
    def version(self) -> str:
        """``uid/resourceVersion``, as ``status.tested.references`` holds it."""
        return f"{self.uid}/{self.resource_version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """Which state of an object of ours a status speaks of."""

    key: ObjectKey
    """Without a namespace where the kind is of the whole cluster."""
    kind: ServedKind = "SmtpConfig"
    uid: str
    generation: int
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An Event about an object of ours: something about it changed."""

    key: ObjectKey
    kind: ServedKind = "SmtpConfig"
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    """What the operator did, one CamelCase word, such as ``TestEmail``."""
    note: str
    """At most 1,024 bytes."""
    related: Mapping[str, str] = field(default_factory=dict)


class ClusterError(Exception):
    """The API server did not do what was asked. Texts name objects, never their content."""


class ObjectNotFound(ClusterError):
    """There is no such object (404)."""


class AccessDenied(ClusterError):
    """The operator's role does not allow it (401, 403)."""


class RequestRefused(ClusterError):
    """The API server will never take this: malformed, too large, or against its schema (400, 422 …)."""


class ApiUnavailable(ClusterError):
    """No answer, or one that a retry may mend (5xx, 429, connection lost).

    ``retry_after`` is in seconds, where the server named a time.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after
