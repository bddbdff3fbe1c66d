# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects of the core: names, versions and errors."""

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
    """Namespace and name of an object of ours."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return ``namespace/name``, or only the name if there is no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


VaultKindName = Literal["SmtpVault", "ClusterSmtpVault"]
ServedKind = Literal["SmtpConfig", "SmtpTest", "SmtpVault", "ClusterSmtpVault"]
ReferenceKind = Literal[
    "Secret",
    "ConfigMap",
    "ServiceAccount",
    "Namespace",
    "SmtpConfig",
    "SmtpTest",
    "SmtpVault",
    "ClusterSmtpVault",
]

WATCHED_KINDS: Final[tuple[ReferenceKind, ...]] = ("Secret", "ConfigMap", "ServiceAccount")
"""Kinds whose changes are detected as ``--secret-watch`` says."""


class Reference(NamedTuple):
    """An object of any kind, of ours or referenced; possibly it does not exist (yet)."""

    kind: ReferenceKind
    namespace: str
    """Empty for a cluster-scoped kind."""
    name: str

    @property
    def is_vault(self) -> bool:
        """Return whether the object is a vault object."""
        return self.kind in ("SmtpVault", "ClusterSmtpVault")

    def written_from(self, namespace: str) -> str:
        """Return the name, prefixed by the namespace if it differs from ``namespace``."""
        return self.name if self.namespace in ("", namespace) else f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        """Return a text such as ``Secret team-a/smtp-password`` or ``ClusterSmtpVault corp``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class FieldWrite(NamedTuple):
    """An entry of managedFields: manager, time, and the keys of the object's data that the manager owns."""

    manager: str
    operation: str
    time: str
    """The API server's text, in whole seconds."""
    data_keys: tuple[str, ...]


def field_writes(managed_fields: Iterable[Mapping[str, Any]] | None) -> tuple[FieldWrite, ...]:
    """Return the entries of managedFields in a tenth of their size, since each named object keeps them.

    Returns an empty tuple if they are too large: every change of the object then counts (rule 6).
    """
    writes, kept = [], 0
    for entry in managed_fields or ():
        manager, operation = sys.intern(str(entry.get("manager"))), sys.intern(str(entry.get("operation")))
        keys = _data_keys(entry.get("fieldsV1") or {})
        writes.append(FieldWrite(manager, operation, str(entry.get("time")), keys))
        kept += sum(map(len, keys), len(manager)) + _BYTES_OF_A_TEXT * (1 + len(keys))
    return tuple(writes) if kept <= _MOST_BYTES_OF_WRITES else ()


def _data_keys(fields: Mapping[str, Any]) -> tuple[str, ...]:
    named = {it[2:] for data in _DATA for it in fields.get(data) or () if it.startswith("f:")}
    return tuple(map(sys.intern, sorted(named)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMetadata:
    """Metadata of an object from a metadata-only watch; never its data."""

    reference: Reference
    uid: str
    resource_version: str
    writes: tuple[FieldWrite, ...] = ()

    @property
    def version(self) -> str:
        """Return ``uid/resourceVersion``, as in ``status.tested.references``."""
        return f"{self.uid}/{self.resource_version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """The version of an object that a status describes."""

    key: ObjectKey
    """Without a namespace for a cluster-scoped kind."""
    kind: ServedKind = "SmtpConfig"
    uid: str
    generation: int
    resource_version: str
    reference: Reference = field(init=False, repr=False, compare=False)
    """The reference to the object; stored, because each test needs it often."""

    def __post_init__(self) -> None:
        """Set ``reference``."""
        object.__setattr__(self, "reference", Reference(self.kind, *self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An Event to record about an object of ours."""

    key: ObjectKey
    kind: ServedKind = "SmtpConfig"
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    """The operator's action as one CamelCase word, such as ``TestEmail``."""
    note: str
    """At most 1,024 bytes."""


def is_newer(one: str, other: str) -> bool:
    """Return whether the first resourceVersion is of a later state than the second."""
    # Ordered numbers since Kubernetes 1.35 (KEP-5504); if they are not, every version counts as newer.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other
