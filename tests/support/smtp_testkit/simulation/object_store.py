# SPDX-License-Identifier: Apache-2.0
"""Secrets, ConfigMaps and vault objects, for readers that need no simulated cluster."""

import base64
from collections.abc import Mapping

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import JsonObject, Reference, ReferenceKind, VaultKindName
from smtp_operator.secrets.interfaces import Destination
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.service_accounts import NoServiceAccounts
from smtp_operator.secrets.sources import Reading
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_testkit.simulation.vaults import NoHttps

MAIL_SERVER = Destination(server="smtp.example.com", port=587, verified_tls=True)


class ObjectStore:
    """Objects of namespace team-a, and whether they may be read."""

    def __init__(self) -> None:
        self.objects: dict[Reference, JsonObject] = {}
        self.locked: set[Reference] = set()
        """Objects that the role may not read."""
        self.reads: list[Reference] = []

    def put(self, kind: ReferenceKind, name: str, values: Mapping[str, str | bytes]) -> Reference:
        """Store an object in namespace team-a."""
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
        """Return an object, as the cluster's client does."""
        self.reads.append(reference)
        if reference in self.locked:
            raise AccessDenied(f"GET {reference}: 403")
        if reference not in self.objects:
            raise ObjectNotFound(f"GET {reference}: 404")
        return self.objects[reference]

    def put_vault(
        self, kind: VaultKindName, name: str, spec: JsonObject, *, generation: int = 1
    ) -> Reference:
        """Store a vault object; its default `allowedServers` allows every server."""
        reference = Reference(kind, "team-a" if kind == "SmtpVault" else "", name)
        metadata: JsonObject = {"name": name, "uid": "v", "resourceVersion": "2001", "generation": generation}
        if reference.namespace:
            metadata["namespace"] = reference.namespace
        self.objects[reference] = {
            "kind": kind,
            "metadata": metadata,
            "spec": {"allowedServers": ["*:*"], **spec},
        }
        return reference

    def annotate(self, reference: Reference, **annotations: str) -> None:
        """Set the annotations of an object."""
        self.objects[reference]["metadata"]["annotations"] = annotations

    def label_namespace(self, name: str, **labels: str) -> None:
        """Set the labels of a namespace."""
        metadata = {"name": name, "uid": "n", "resourceVersion": "7", "labels": labels}
        self.objects[Reference("Namespace", "", name)] = {"kind": "Namespace", "metadata": metadata}

    def reading(
        self, *, vaults: VaultClients | None = None, destination: Destination = MAIL_SERVER
    ) -> Reading:
        """Return the reading context of one test."""
        no_vaults = VaultClients(
            get_object=self.get,
            accounts=NoServiceAccounts(),
            https=NoHttps(),
            monotonic=lambda: 0.0,
            now=lambda: 0.0,
            providers={},
        )
        return Reading(values=self.values, vaults=vaults or no_vaults, destination=destination)

    @property
    def values(self) -> SecretReader:
        """Return a reader for one test."""
        return SecretReader(self.get)
