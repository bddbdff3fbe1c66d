# SPDX-License-Identifier: Apache-2.0
"""Vault objects as their owners see them."""

import copy
from typing import Any, Final, Protocol

from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.status import VaultStatus
from smtp_operator.api.timestamps import from_timestamp
from smtp_testkit.simulation.cluster import StatusWrite
from smtp_testkit.simulation.storage import Storage

NAMESPACE: Final = "team-a"


class VaultEnvironment(Protocol):
    """The part of the world that a vault object needs."""

    storage: Storage

    @property
    def writes(self) -> list[StatusWrite]:
        """All written statuses."""
        ...

    def time(self) -> float:
        """Return the seconds since the epoch."""
        ...

    def put_secret(self, name: str, *, token: str) -> Reference:
        """Create or replace a Secret."""
        ...


class Vault:
    """A vault object, as its owner sees it."""

    def __init__(self, world: VaultEnvironment, reference: Reference) -> None:
        self._world = world
        self.reference = reference

    def create(self, *, with_token: bool = True, checked: bool = True, **spec: Any) -> "Vault":
        """Create a vault object for HashiCorp Vault, and the Secret bao-login with its token."""
        token: JsonObject = {"name": "bao-login", "key": "token"}
        sound: JsonObject = {"allowedServers": ["*:*"]}
        if not self.reference.namespace:
            token["namespace"] = NAMESPACE
            sound["allowedNamespaces"] = {"matchNames": [NAMESPACE]}
        block = {"url": "https://bao.example.com", "auth": {"tokenRef": token}}
        if with_token:
            self._world.put_secret("bao-login", token="root")
        self._world.storage.put_ours(
            self.reference, merged({"hashiCorpVault": block} | sound, spec), checked=checked
        )
        return self

    def edit(self, *, checked: bool = True, **spec: Any) -> None:
        """Change fields of the spec; None removes a field."""
        self._world.storage.put_ours(self.reference, merged(self.object_["spec"], spec), checked=checked)

    def delete(self) -> None:
        """Delete it, like ``kubectl delete``."""
        self._world.storage.delete_object(self.reference)

    def password(self, path: str = "mail/smtp") -> JsonObject:
        """Return a ``spec.password`` that refers to this vault object."""
        named = {"kind": self.reference.kind, "name": self.reference.name}
        return {"hashiCorpVault": {"vaultRef": named, "path": path}}

    @property
    def object_(self) -> JsonObject:
        """The object on the API server."""
        return self._world.storage.objects[self.reference]

    @property
    def status(self) -> VaultStatus:
        """The whole status."""
        return VaultStatus.model_validate(self.object_["status"])

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Status and reason of the conditions by type."""
        return {it.type: (it.status, it.reason) for it in self.status.conditions}

    @property
    def judged(self) -> bool:
        """Whether the status is about the current spec."""
        return self.status.observed_generation == int(self.object_["metadata"]["generation"])

    @property
    def next_check_in(self) -> float | None:
        """The seconds until nextCheckTime."""
        time = from_timestamp(self.status.next_check_time)
        return None if time is None else time - self._world.time()

    @property
    def writes(self) -> list[StatusWrite]:
        """The written statuses of the object."""
        key = ObjectKey(self.reference.namespace, self.reference.name)
        return [it for it in self._world.writes if it.key == key]


def merged(spec: JsonObject, changes: JsonObject) -> JsonObject:
    """Return the spec with these fields replaced; None removes a field."""
    merged = copy.deepcopy(spec) | {name.rstrip("_"): value for name, value in changes.items()}
    return {name: value for name, value in merged.items() if value is not None}
