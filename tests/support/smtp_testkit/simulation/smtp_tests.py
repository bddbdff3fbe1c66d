# SPDX-License-Identifier: Apache-2.0
"""SmtpTests as their owners see them."""

from typing import Any, Final

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.status import SmtpTestStatus
from smtp_testkit.simulation.cluster import StatusWrite
from smtp_testkit.simulation.vault_objects import NAMESPACE
from smtp_testkit.simulation.world import SPEC, World

SETTINGS: Final[JsonObject] = SPEC


class SmtpTest:
    """A SmtpTest, as its owner sees it."""

    def __init__(self, world: World, name: str = "try-1", namespace: str = NAMESPACE) -> None:
        self._world = world
        self.reference = Reference("SmtpTest", namespace, name)

    def create(self, *, checked: bool = True, **spec: Any) -> "SmtpTest":
        """Create it, with settings that need no login unless the spec says otherwise."""
        spec = spec if spec.keys() & {"settings", "configRef"} else {"settings": SETTINGS, **spec}
        self._world.storage.put_ours(self.reference, spec, checked=checked)
        return self

    def delete(self) -> None:
        """Delete it, like ``kubectl delete``."""
        self._world.storage.delete_object(self.reference)

    def annotate(self, **annotations: str) -> None:
        """Change its metadata, as another controller does."""
        object_ = self.object_
        metadata = {**object_["metadata"], "annotations": annotations}
        self._world.storage.store(self.reference, {**object_, "metadata": metadata})

    @property
    def exists(self) -> bool:
        """Whether it exists."""
        return self.reference in self._world.storage.objects

    @property
    def object_(self) -> JsonObject:
        """The object on the API server."""
        return self._world.storage.objects[self.reference]

    @property
    def status(self) -> SmtpTestStatus:
        """The whole status."""
        return SmtpTestStatus.model_validate(self.object_["status"])

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Status and reason of the conditions by type."""
        return {it.type: (it.status, it.reason) for it in self.status.conditions}

    @property
    def reason(self) -> str | None:
        """The reason of Ready."""
        ready = self.status.condition("Ready")
        return None if ready is None else ready.reason

    @property
    def message(self) -> str:
        """The message of Ready."""
        ready = self.status.condition("Ready")
        return "" if ready is None else ready.message

    @property
    def writes(self) -> list[StatusWrite]:
        """The written statuses of the object."""
        return [it for it in self._world.writes if it.key == (self.reference.namespace, self.reference.name)]
