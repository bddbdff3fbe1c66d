# SPDX-License-Identifier: Apache-2.0
"""Represent one state of a vault object: its spec and its stored status."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from smtp_operator.api.objects import JsonObject, ObjectKey, ObjectVersion, VaultKindName
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.reconcile.digest import digest_of
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec

_WHO_MAY_USE_IT: Final = {"allowed_servers", "allowed_references", "allowed_namespaces"}
"""Fields of the spec that do not affect the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSnapshot:
    """A state of a vault object."""

    version: ObjectVersion
    vault: VaultObject
    status: VaultStatus
    digest: str
    created: float
    """Seconds since the epoch."""

    @property
    def ready(self) -> str | None:
        """Return the status of the Ready condition; None if there is none."""
        condition = self.status.condition("Ready")
        return condition.status if condition else None

    @property
    def generation_is_new(self) -> bool:
        """Return whether status describes an older generation."""
        return self.status.observed_generation != self.version.generation

    @property
    def has_verdict(self) -> bool:
        """Return whether status holds a verdict on exactly this login."""
        if self.status.tested is None or self.ready not in ("True", "False"):
            return False
        return self.status.tested.settings == self.digest


def vault_version_of(kind: VaultKindName, object_: JsonObject) -> ObjectVersion:
    """Return the identity and the version of a vault object."""
    metadata = object_["metadata"]
    return ObjectVersion(
        key=ObjectKey(metadata.get("namespace", ""), metadata["name"]),
        kind=kind,
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
    )


def vault_status_of(object_: JsonObject) -> VaultStatus:
    """Return the stored status; an empty one if it cannot be parsed, which only costs a check."""
    try:
        return VaultStatus.model_validate(object_.get("status") or {})
    except ValidationError:
        return VaultStatus()


def vault_snapshot_of(kind: VaultKindName, object_: JsonObject) -> VaultSnapshot:
    """Return the snapshot of a vault object from the API server.

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
    """Return the SHA-256 (64 hexadecimal digits) of the settings of the login, without defaults."""
    spec = vault.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_WHO_MAY_USE_IT)
    return digest_of(spec)
