# SPDX-License-Identifier: Apache-2.0
"""Vault objects as their owners see them."""

import copy
from typing import Any, Final, Protocol

from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.status import VaultStatus
from smtp_operator.reconcile.timestamps import from_timestamp
from smtp_testkit.simulation.cluster import StatusWrite
from smtp_testkit.simulation.storage import Storage

NAMESPACE: Final = "team-a"


class Surroundings(Protocol):
    """What of the world a vault object needs."""

    storage: Storage

    @property
    def writes(self) -> list[StatusWrite]:
        """All statuses that were written."""
        ...

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def put_secret(self, name: str, *, token: str) -> Reference:
        """Creates or replaces a Secret."""
        ...


class Vault:
    """One vault object, as its owner sees it."""

    def __init__(self, world: Surroundings, reference: Reference) -> None:
        self._world = world
        self.reference = reference

    def create(self, *, with_token: bool = True, checked: bool = True, **spec: Any) -> "Vault":
        """Of a HashiCorp Vault, logged in to by the token in the Secret bao-login, which is created too."""
        token: JsonObject = {"name": "bao-login", "key": "token"}
        sound: JsonObject = {"allowedServers": ["*:*"]}
        if not self.reference.namespace:
            token["namespace"] = NAMESPACE
            sound["allowedNamespaces"] = {"matchNames": [NAMESPACE]}
        block = {"url": "https://bao.example.com", "auth": {"tokenRef": token}}
        if with_token:
            self._world.put_secret("bao-login", token="root")
        self._world.storage.put_vault(
            self.reference, merged({"hashiCorpVault": block} | sound, spec), checked=checked
        )
        return self

    def edit(self, *, checked: bool = True, **spec: Any) -> None:
        """Changes fields of the spec; None takes one away."""
        self._world.storage.put_vault(self.reference, merged(self.object_["spec"], spec), checked=checked)

    def delete(self) -> None:
        """``kubectl delete``."""
        self._world.storage.delete_object(self.reference)

    def password(self, path: str = "mail/smtp") -> JsonObject:
        """``spec.password`` that is read through it."""
        named = {"kind": self.reference.kind, "name": self.reference.name}
        return {"hashiCorpVault": {"vaultRef": named, "path": path}}

    @property
    def object_(self) -> JsonObject:
        """As the API server has it."""
        return self._world.storage.objects[self.reference]

    @property
    def status(self) -> VaultStatus:
        """All of it."""
        return VaultStatus.model_validate(self.object_["status"])

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """By type, status and reason."""
        return {it.type: (it.status, it.reason) for it in self.status.conditions}

    @property
    def judged(self) -> bool:
        """Whether status speaks of the present spec."""
        return self.status.observed_generation == int(self.object_["metadata"]["generation"])

    @property
    def next_check_in(self) -> float | None:
        """Seconds from now to nextCheckTime."""
        time = from_timestamp(self.status.next_check_time)
        return None if time is None else time - self._world.time()

    @property
    def writes(self) -> list[StatusWrite]:
        """Its statuses that were written."""
        key = ObjectKey(self.reference.namespace, self.reference.name)
        return [it for it in self._world.writes if it.key == key]


def merged(spec: JsonObject, changes: JsonObject) -> JsonObject:
    """The spec with these fields instead of its own; None takes one away."""
    merged = copy.deepcopy(spec) | {name.rstrip("_"): value for name, value in changes.items()}
    return {name: value for name, value in merged.items() if value is not None}
