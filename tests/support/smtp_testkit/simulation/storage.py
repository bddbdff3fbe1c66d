# SPDX-License-Identifier: Apache-2.0
"""The storage of an API server: objects with uids, resourceVersions, generations and managedFields.

Behaves as observed on Kubernetes 1.37. Watchers receive changes in order.
"""

import base64
import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from smtp_operator.api.crd import CLUSTER_SMTP_VAULT, SMTP_CONFIG, SMTP_TEST, SMTP_VAULT, structural_schema
from smtp_operator.api.names import API_VERSION, FIELD_MANAGER, SMTP_CONFIG_KIND
from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.smtpconfig import SmtpConfigSpec

Change = Literal["ADDED", "MODIFIED", "DELETED"]

_SCHEMA: JsonObject = SMTP_CONFIG.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
_MODELS = {kind.name: kind.spec for kind in (SMTP_TEST, SMTP_VAULT, CLUSTER_SMTP_VAULT)}
_SCHEMAS = {name: structural_schema(model) for name, model in _MODELS.items()}


class Storage:
    """Objects as in etcd; ``now`` is the API server's clock. Objects are never changed in place."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._revision = 1000
        self._uids = 0
        self.smtp_configs: dict[ObjectKey, JsonObject] = {}
        self.objects: dict[Reference, JsonObject] = {}
        self.on_smtp_config: Callable[[Change, JsonObject], None] = lambda change, object_: None
        self.on_object: Callable[[Change, Reference, JsonObject], None] = lambda change, ref, object_: None

    def put_smtp_config(
        self,
        key: ObjectKey,
        spec: JsonObject,
        annotations: Mapping[str, str] | None = None,
        *,
        checked: bool = True,
    ) -> JsonObject:
        """Create or replace an SmtpConfig; raise for an invalid spec unless ``checked`` is False."""
        object_: JsonObject
        spec = _defaulted(copy.deepcopy(spec), _SCHEMA["properties"]["spec"])
        if checked:
            SmtpConfigSpec.model_validate(spec)
        before = self.smtp_configs.get(key)
        if before is None:
            object_ = {
                "apiVersion": API_VERSION,
                "kind": SMTP_CONFIG_KIND,
                "metadata": {
                    "namespace": key.namespace,
                    "name": key.name,
                    "uid": self._new_uid(),
                    "generation": 1,
                    "creationTimestamp": self._second(),
                    "annotations": dict(annotations or {}),
                },
                "spec": spec,
                "status": {"observedGeneration": -1},
            }
            return self._store_smtp_config("ADDED", key, object_)
        object_ = copy.deepcopy(before)
        object_["spec"] = spec
        if annotations is not None:
            object_["metadata"]["annotations"] = dict(annotations)
        if object_["spec"] != before["spec"]:
            object_["metadata"]["generation"] += 1
        return before if object_ == before else self._store_smtp_config("MODIFIED", key, object_)

    def put_status(self, key: ObjectKey, status: JsonObject) -> JsonObject:
        """Replace the status; an equal one causes no new resourceVersion and no event."""
        before = self.smtp_configs[key]
        if before.get("status") == status:
            return before
        object_ = before | {"metadata": dict(before["metadata"]), "status": status}
        return self._store_smtp_config("MODIFIED", key, object_)

    def delete_smtp_config(self, key: ObjectKey) -> None:
        """Delete it."""
        object_ = copy.deepcopy(self.smtp_configs.pop(key))
        object_["metadata"]["resourceVersion"] = self._next_revision()
        self.on_smtp_config("DELETED", object_)

    def terminate_smtp_config(self, key: ObjectKey) -> None:
        """Delete an SmtpConfig that a finalizer keeps, which increments its generation."""
        object_ = copy.deepcopy(self.smtp_configs[key])
        object_["metadata"]["deletionTimestamp"] = self._second()
        object_["metadata"]["generation"] += 1
        self._store_smtp_config("MODIFIED", key, object_)

    def put_ours(self, reference: Reference, spec: JsonObject, *, checked: bool = True) -> JsonObject:
        """Create or replace an object of ours; raise for an invalid spec unless ``checked`` is False.

        An unchecked object stands for one stored before the CRD had its current rules.
        """
        model = _MODELS[reference.kind]
        spec = _defaulted(copy.deepcopy(spec), _SCHEMAS[reference.kind])
        if checked:
            model.model_validate(spec)
        before = self.objects.get(reference)
        if before is not None and before["spec"] == spec:
            return before
        object_: JsonObject = copy.deepcopy(before or {}) or {
            "apiVersion": API_VERSION,
            "kind": reference.kind,
            "metadata": {
                "name": reference.name,
                **({"namespace": reference.namespace} if reference.namespace else {}),
                "uid": self._new_uid(),
                "generation": 0,
                "creationTimestamp": self._second(),
            },
            "status": {"observedGeneration": -1},
        }
        object_["spec"] = spec
        object_["metadata"]["generation"] += 1
        return self._store_ours("ADDED" if before is None else "MODIFIED", reference, object_)

    def put_status_of(self, reference: Reference, status: JsonObject) -> JsonObject:
        """Replace the status; an equal one causes no new resourceVersion and no event."""
        before = self.objects[reference]
        if before["status"] == status:
            return before
        object_ = before | {"metadata": dict(before["metadata"]), "status": status}
        return self._store_ours("MODIFIED", reference, object_)

    def terminate(self, reference: Reference) -> None:
        """Delete an object of ours that a finalizer keeps, which increments its generation."""
        object_ = copy.deepcopy(self.objects[reference])
        object_["metadata"]["deletionTimestamp"] = self._second()
        object_["metadata"]["generation"] += 1
        self._store_ours("MODIFIED", reference, object_)

    def store(self, reference: Reference, object_: JsonObject) -> None:
        """Store a changed object of ours as it is."""
        self._store_ours("MODIFIED", reference, object_)

    def _store_ours(self, change: Change, reference: Reference, object_: JsonObject) -> JsonObject:
        object_["metadata"]["resourceVersion"] = self._next_revision()
        self.objects[reference] = object_
        self.on_object(change, reference, object_)
        return object_

    def put_object(
        self,
        reference: Reference,
        data: Mapping[str, str | bytes],
        *,
        manager: str,
        operation: str = "Update",
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Create or replace a Secret or ConfigMap as a field manager."""
        encoded = {key: _encoded(reference, value) for key, value in data.items()}
        before = self.objects.get(reference)
        object_ = copy.deepcopy(before) or {
            "apiVersion": "v1",
            "kind": reference.kind,
            "metadata": {
                "namespace": reference.namespace,
                "name": reference.name,
                "uid": self._new_uid(),
                "creationTimestamp": self._second(),
                "managedFields": [],
            },
            "data": {},
        }
        metadata = object_["metadata"]
        changed = {key for key in encoded if object_["data"].get(key) != encoded[key]}
        removed = object_["data"].keys() - encoded.keys()
        object_["data"] = encoded
        noted = False
        for field, values in (("annotations", annotations), ("labels", labels)):
            if values is not None and metadata.get(field) != dict(values):
                metadata[field], noted = dict(values), True
        if before is not None and object_ == before:
            return before
        self._own(metadata, manager, operation, changed, removed, noted=noted or before is None)
        _own_annotations(metadata, before, manager, operation)
        metadata["resourceVersion"] = self._next_revision()
        self.objects[reference] = object_
        self.on_object("ADDED" if before is None else "MODIFIED", reference, object_)
        return object_

    def put_whole_secret(self, reference: Reference, secret: JsonObject) -> JsonObject:
        """Create or replace a Secret as the operator writes it."""
        before = self.objects.get(reference)
        object_ = copy.deepcopy(secret)
        metadata = object_["metadata"]
        if before is None:
            metadata |= {"uid": self._new_uid(), "creationTimestamp": self._second(), "managedFields": []}
        else:
            metadata["managedFields"] = copy.deepcopy(before["metadata"]["managedFields"])
        old = {} if before is None else before["data"]
        changed = {key for key, value in object_["data"].items() if old.get(key) != value}
        removed = old.keys() - object_["data"].keys()
        self._own(metadata, FIELD_MANAGER, "Update", changed, removed, noted=before is None)
        _own_annotations(metadata, before, FIELD_MANAGER, "Update")
        metadata["resourceVersion"] = self._next_revision()
        self.objects[reference] = object_
        self.on_object("ADDED" if before is None else "MODIFIED", reference, object_)
        return object_

    def collect_garbage(self) -> None:
        """Delete the Secrets whose owner no longer exists."""
        uids = {it["metadata"]["uid"] for it in self.smtp_configs.values()}
        for reference, object_ in list(self.objects.items()):
            owners = object_["metadata"].get("ownerReferences") or ()
            if owners and not any(it["uid"] in uids for it in owners):
                self.delete_object(reference)

    def delete_object(self, reference: Reference) -> None:
        """Delete it."""
        object_ = copy.deepcopy(self.objects.pop(reference))
        object_["metadata"]["resourceVersion"] = self._next_revision()
        self.on_object("DELETED", reference, object_)

    def _own(
        self,
        metadata: JsonObject,
        manager: str,
        operation: str,
        changed: set[str],
        removed: set[str],
        *,
        noted: bool,
    ) -> None:
        """Assign changed fields to their writer; an entry's time changes only with its values."""
        fields = {f"f:{key}" for key in changed}
        gone = fields | {f"f:{key}" for key in removed}
        entries = metadata["managedFields"]
        own = next((it for it in entries if (it["manager"], it["operation"]) == (manager, operation)), None)
        for entry in entries:
            for field in gone:
                entry["fieldsV1"].get("f:data", {}).pop(field, None)
        if fields or noted or (own is not None and removed):
            if own is None:
                own = {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": {}}
                entries.append(own)
            own["time"] = self._second()
            if fields:
                own["fieldsV1"].setdefault("f:data", {}).update({field: {} for field in fields})
            if noted:
                own["fieldsV1"].setdefault("f:metadata", {})
        metadata["managedFields"] = [it for it in entries if any(it["fieldsV1"].values()) or it is own]

    def _store_smtp_config(self, change: Change, key: ObjectKey, object_: JsonObject) -> JsonObject:
        object_["metadata"]["resourceVersion"] = self._next_revision()
        self.smtp_configs[key] = object_
        self.on_smtp_config(change, object_)
        return object_

    def _next_revision(self) -> str:
        self._revision += 1
        return str(self._revision)

    def _new_uid(self) -> str:
        self._uids += 1
        return f"00000000-0000-4000-8000-{self._uids:012}"

    def _second(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encoded(reference: Reference, value: str | bytes) -> str:
    if reference.kind == "ConfigMap":
        return value if isinstance(value, str) else value.decode()
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def _defaulted(value: Any, schema: JsonObject) -> Any:
    """Return the object with the defaults of the API server."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name not in value and "default" in child:
                value[name] = copy.deepcopy(child["default"])
            if name in value:
                value[name] = _defaulted(value[name], child)
    return value


def _own_annotations(metadata: JsonObject, before: JsonObject | None, manager: str, operation: str) -> None:
    """Assign changed annotations to their writer, whose entry exists."""
    old: JsonObject = {} if before is None else before["metadata"].get("annotations") or {}
    new: JsonObject = metadata.get("annotations") or {}
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    for entry in metadata["managedFields"]:
        owned = entry["fieldsV1"].get("f:metadata", {}).get("f:annotations", {})
        for name in changed:
            owned.pop(f"f:{name}", None)
        if changed and (entry["manager"], entry["operation"]) == (manager, operation):
            noted = entry["fieldsV1"].setdefault("f:metadata", {}).setdefault("f:annotations", owned)
            noted.update({f"f:{name}": {} for name in changed if name in new})
