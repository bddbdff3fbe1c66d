# SPDX-License-Identifier: Apache-2.0
"""A vault object as the core looks at it: what its owner wrote, what was found before."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion, VaultKindName
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.reconcile.digest import digest_of
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec
from smtp_operator.reconcile.timestamps import from_timestamp

_WHO_MAY_USE_IT: Final = {"allowed_servers", "allowed_references", "allowed_namespaces"}
"""What of its spec says nothing of the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSnapshot:
    """One state of a vault object."""

    version: ObjectVersion
    vault: VaultObject
    status: VaultStatus
    digest: str
    created: float
    """Seconds since the epoch."""

    @property
    def ready(self) -> str | None:
        """Status of the Ready condition, if there is one."""
        condition = self.status.condition("Ready")
        return condition.status if condition else None

    @property
    def generation_is_new(self) -> bool:
        """Whether status speaks of an older generation."""
        return self.status.observed_generation != self.version.generation

    @property
    def has_verdict(self) -> bool:
        """Whether status holds a verdict of just this login."""
        if self.status.tested is None or self.ready not in ("True", "False"):
            return False
        return self.status.tested.settings == self.digest


def vault_version_of(kind: VaultKindName, object_: JsonObject) -> ObjectVersion:
    """Which vault object, and which state of it."""
    metadata = object_["metadata"]
    return ObjectVersion(
        key=ObjectKey(metadata.get("namespace", ""), metadata["name"]),
        kind=kind,
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
    )


def vault_status_of(object_: JsonObject) -> VaultStatus:
    """The stored status; an empty one where it cannot be read, which costs a check and nothing more."""
    try:
        return VaultStatus.model_validate(object_.get("status") or {})
    except ValidationError:
        return VaultStatus()


def vault_snapshot_of(kind: VaultKindName, object_: JsonObject) -> VaultSnapshot:
    """The view of a vault object as the API server sends it.

    Raises:
        InvalidSpecError: with a verdict that names the field.
    """
    try:
        vault = vault_object(kind, object_)
    except ValidationError as error:
        raise InvalidSpecError(invalid_spec(error)) from None
    return VaultSnapshot(
        version=vault_version_of(kind, object_),
        vault=vault,
        status=vault_status_of(object_),
        digest=_digest(vault),
        created=from_timestamp(object_["metadata"].get("creationTimestamp")) or 0.0,
    )


def _digest(vault: VaultObject) -> str:
    """SHA-256 (64 hexadecimal digits) of what the login depends on, defaults left out."""
    spec = vault.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_WHO_MAY_USE_IT)
    return digest_of(spec)
