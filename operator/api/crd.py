# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions and JSON Schemas, generated from the models (``make generate`` writes them)."""

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from smtp_operator.api import names
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.smtptest import SmtpTestSpec
from smtp_operator.api.smtpvault import ClusterSmtpVaultSpec, SmtpVaultSpec
from smtp_operator.api.status import SmtpConfigStatus, SmtpTestStatus, VaultStatus

Schema = dict[str, Any]

_REQUIRED_RULE: Final = re.compile(r"has\(self\.(\w+)\)")
"""A rule whose only condition is that a field is set."""

_READY: Final = '.status.conditions[?(@.type=="Ready")]'

_SMTP_CONFIG_COLUMNS: Final = (
    ("Server", "string", ".spec.server", 0),
    ("Port", "integer", ".spec.port", 0),
    ("Type", "string", ".spec.smtpType", 0),
    ("Ready", "string", f"{_READY}.status", 0),
    ("Status", "string", ".status.summary", 0),
    ("From", "string", ".spec.from", 1),
    ("Password-From", "string", ".status.password.source", 1),
    ("Last-Test", "date", ".status.lastTest.startTime", 1),
    ("Message", "string", f"{_READY}.message", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)
_SMTP_TEST_COLUMNS: Final = (
    ("Config", "string", ".spec.configRef.name", 0),
    ("Server", "string", ".spec.settings.server", 0),
    ("Port", "integer", ".spec.settings.port", 0),
    ("Ready", "string", f"{_READY}.status", 0),
    ("Status", "string", ".status.summary", 0),
    ("Last-Test", "date", ".status.lastTest.startTime", 1),
    ("Message", "string", f"{_READY}.message", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)
_VAULT_COLUMNS: Final = (
    ("Provider", "string", ".status.provider", 0),
    ("Ready", "string", f"{_READY}.status", 0),
    ("Status", "string", ".status.summary", 0),
    ("Message", "string", f"{_READY}.message", 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResource:
    """A kind of this operator, from which its CRD and JSON Schema are generated."""

    name: str
    plural: str
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[tuple[str, str, str, int], ...]
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    selectable: tuple[str, ...] = ()

    def crd(self) -> Schema:
        """Return the CustomResourceDefinition as a manifest."""
        version: Schema = {
            "name": names.VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [_column(*column) for column in self.columns],
            "schema": {"openAPIV3Schema": self._object_schema()},
        }
        if self.selectable:
            version["selectableFields"] = [{"jsonPath": path} for path in self.selectable]
        kinds: Schema = {
            "kind": self.name,
            "listKind": f"{self.name}List",
            "plural": self.plural,
            "singular": self.name.lower(),
        }
        if self.short_names:
            kinds["shortNames"] = list(self.short_names)
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{names.GROUP}"},
            "spec": {
                "group": names.GROUP,
                "scope": "Namespaced" if self.namespaced else "Cluster",
                "names": {**kinds, "categories": [names.CATEGORY]},
                "versions": [version],
            },
        }

    def json_schema(self) -> Schema:
        """Return the JSON Schema (draft 2020-12) of a manifest, for editors; it has no CEL rules."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.description,
            "type": "object",
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "properties": {
                "apiVersion": {"const": names.API_VERSION},
                "kind": {"const": self.name},
                "metadata": {"type": "object"},
                "spec": _editor_schema(structural_schema(self.spec)),
                "status": {"type": "object"},
            },
            "additionalProperties": False,
        }

    def _object_schema(self) -> Schema:
        status = _without_defaults(structural_schema(self.status))
        # kstatus must read a new object as "in progress", so it starts with the generation -1.
        status["default"] = {"observedGeneration": -1}
        return {
            "description": self.description,
            "type": "object",
            "required": ["spec"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": structural_schema(self.spec),
                "status": status,
            },
        }


SMTP_CONFIG: Final = CustomResource(
    name=names.SMTP_CONFIG_KIND,
    plural=names.SMTP_CONFIG_PLURAL,
    description="SmtpConfig declares SMTP settings and shows whether they work.",
    spec=SmtpConfigSpec,
    status=SmtpConfigStatus,
    columns=_SMTP_CONFIG_COLUMNS,
    short_names=("smtp",),
    selectable=(".spec.server", ".spec.password.secretRef.name"),
)
SMTP_TEST: Final = CustomResource(
    name=names.SMTP_TEST_KIND,
    plural=names.SMTP_TEST_PLURAL,
    description="SmtpTest tests SMTP settings once, before a SmtpConfig has them.",
    spec=SmtpTestSpec,
    status=SmtpTestStatus,
    columns=_SMTP_TEST_COLUMNS,
)
SMTP_VAULT: Final = CustomResource(
    name=names.SMTP_VAULT_KIND,
    plural=names.SMTP_VAULT_PLURAL,
    description="SmtpVault describes a vault and the login to it, for SmtpConfigs of its namespace.",
    spec=SmtpVaultSpec,
    status=VaultStatus,
    columns=_VAULT_COLUMNS,
)
CLUSTER_SMTP_VAULT: Final = CustomResource(
    name=names.CLUSTER_SMTP_VAULT_KIND,
    plural=names.CLUSTER_SMTP_VAULT_PLURAL,
    description="ClusterSmtpVault describes a vault and the login to it, for the namespaces it allows.",
    spec=ClusterSmtpVaultSpec,
    status=VaultStatus,
    columns=_VAULT_COLUMNS,
    namespaced=False,
)
KINDS: Final = (SMTP_CONFIG, SMTP_TEST, SMTP_VAULT, CLUSTER_SMTP_VAULT)


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the model's schema in the structural form of Kubernetes: no $ref, no anyOf, no null."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    return _structural(schema, definitions)


def required_fields(node: Schema) -> list[str]:
    """Return the required fields: by the schema itself, or by a rule of ``required()``."""
    rules = (rule["rule"] for rule in node.get("x-kubernetes-validations", ()))
    return [*node.get("required", ()), *(found[1] for found in map(_REQUIRED_RULE.fullmatch, rules) if found)]


def _structural(node: Schema, definitions: Schema) -> Schema:
    node = _without_indirection(dict(node), definitions)
    node.pop("title", None)
    values = node.pop("additionalProperties", None)
    if isinstance(values, dict):  # a map
        node["additionalProperties"] = _structural(values, definitions)
    if node.get("default", ...) is None:
        del node["default"]
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get("type") == "integer":
        node.setdefault("format", "int32")
    if "properties" in node:
        node["properties"] = {
            name: _structural(child, definitions) for name, child in node["properties"].items()
        }
    if "items" in node:
        node["items"] = _structural(node["items"], definitions)
    validations = [rule for rule in node.pop("x-kubernetes-validations", ()) if rule["rule"]]
    if validations:
        node["x-kubernetes-validations"] = validations
    return node


def _without_indirection(node: Schema, definitions: Schema) -> Schema:
    """Resolve ``$ref``, and take the one real type of ``X or null``; sibling keys take precedence."""
    while True:
        if "$ref" in node:
            target = definitions[node.pop("$ref").rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            (target,) = (kind for kind in node.pop("anyOf") if kind.get("type") != "null")
        elif "allOf" in node:
            (target,) = node.pop("allOf")
        else:
            return node
        node = {**deepcopy(target), **node}  # YAML would write a shared part as an alias


def _without_defaults(node: Schema) -> Schema:
    """Return a schema without defaults: in status, a default would look like a result."""
    node = {key: value for key, value in node.items() if key != "default"}
    if "properties" in node:
        node["properties"] = {name: _without_defaults(child) for name, child in node["properties"].items()}
    if "items" in node:
        node["items"] = _without_defaults(node["items"])
    return node


def _editor_schema(node: Schema) -> Schema:
    """Return the plain JSON Schema of a structural schema: no unknown fields, no Kubernetes extensions."""
    plain = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-")}
    if required := required_fields(node):
        plain["required"] = required
    if "properties" in node:
        plain["properties"] = {name: _editor_schema(child) for name, child in node["properties"].items()}
        plain["additionalProperties"] = False
    if "items" in node:
        plain["items"] = _editor_schema(node["items"])
    if node.get("x-kubernetes-list-type") == "set":
        plain["uniqueItems"] = True
    return plain


def _column(name: str, kind: str, path: str, priority: int) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path}
    if priority:
        column["priority"] = priority
    return column
