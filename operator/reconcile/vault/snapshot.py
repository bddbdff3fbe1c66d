# SPDX-License-Identifier: Apache-2.0
"""Represent one state of a vault object: its spec and its stored status."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from smtp_operator.api.objects import JsonObject, VaultKindName
from smtp_operator.api.status import TestedSettings, VaultStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.reconcile.backoff import HOUR
from smtp_operator.reconcile.digest import digest_of
from smtp_operator.reconcile.invalid_spec import InvalidSpecError, invalid_spec
from smtp_operator.reconcile.references.uses import uses_of_vault
from smtp_operator.reconcile.snapshot import ObjectSnapshot, created_at, status_of, version_of

INTERVAL: Final = HOUR
"""Seconds between two checks of a working login."""

_WHO_MAY_USE_IT: Final = {
    "allowed_servers",
    "allowed_references",
    "allowed_namespaces",
    "allow_publish",
    "publish_namespaces",
}
"""Fields of the spec that do not affect the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSnapshot(ObjectSnapshot):
    """A state of a vault object."""

    vault: VaultObject
    status: VaultStatus

    @property
    def tested(self) -> TestedSettings | None:
        """Return the input of the last verdict."""
        return self.status.tested

    @property
    def poll_interval(self) -> float | None:
        """Return the seconds between two polls of references: as often as the vault is checked."""
        return INTERVAL

    @property
    def last_test_started(self) -> float | None:
        """Return when the last ended check was started, in seconds since the epoch."""
        return from_timestamp(self.status.last_check_time)


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
        version=version_of(kind, object_),
        vault=vault,
        status=status_of(VaultStatus, object_),
        digest=_digest(vault),
        uses=uses_of_vault(vault),
        created=created_at(object_),
    )


def _digest(vault: VaultObject) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the settings of the login, without defaults."""
    spec = vault.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=_WHO_MAY_USE_IT)
    return digest_of(spec)
