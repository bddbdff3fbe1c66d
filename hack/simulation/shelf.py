# SPDX-License-Identifier: Apache-2.0
"""Secrets and ConfigMaps of one namespace, for what reads them and needs no world around them."""

import base64
from collections.abc import Mapping

from smtp_operator.api.objects import AccessDenied, JsonObject, ObjectNotFound, Reference, ReferenceKind
from smtp_operator.secrets.object_values import ObjectValues


class Shelf:
    """Where objects lie, and whether they may be read."""

    def __init__(self) -> None:
        self.objects: dict[Reference, JsonObject] = {}
        self.locked: set[Reference] = set()
        """What the role may not read."""
        self.reads: list[Reference] = []

    def put(self, kind: ReferenceKind, name: str, values: Mapping[str, str | bytes]) -> Reference:
        """Puts an object into namespace team-a."""
        reference = Reference(kind, "team-a", name)
        metadata = {"namespace": "team-a", "name": name, "uid": "u", "resourceVersion": "1042"}
        object_: JsonObject = {"kind": kind, "metadata": metadata, "data": {}}
        for key, value in values.items():
            if kind == "Secret":
                raw = value.encode() if isinstance(value, str) else value
                object_["data"][key] = base64.b64encode(raw).decode()
            elif isinstance(value, bytes):
                object_.setdefault("binaryData", {})[key] = base64.b64encode(value).decode()
            else:
                object_["data"][key] = value
        self.objects[reference] = object_
        return reference

    async def get(self, reference: Reference) -> JsonObject:
        """As the cluster's client does."""
        self.reads.append(reference)
        if reference in self.locked:
            raise AccessDenied(f"GET {reference}: 403")
        if reference not in self.objects:
            raise ObjectNotFound(f"GET {reference}: 404")
        return self.objects[reference]

    @property
    def values(self) -> ObjectValues:
        """What one test reads."""
        return ObjectValues(self.get)
