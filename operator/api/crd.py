# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions and JSON Schemas, generated from the models (``make generate`` writes them)."""

from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel

from smtp_operator.api import names
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.status import SmtpConfigStatus

Schema = dict[str, Any]

_COLUMNS: Final = (
    ("Server", "string", ".spec.server", 0),
    ("Port", "integer", ".spec.port", 0),
    ("Type", "string", ".spec.smtpType", 0),
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Status", "string", ".status.summary", 0),
    ("From", "string", ".spec.from", 1),
    ("Password-From", "string", ".status.password.source", 1),
    ("Last-Test", "date", ".status.lastTest.startTime", 1),
    ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
    ("Age", "date", ".metadata.creationTimestamp", 0),
)

_DESCRIPTION: Final = "SmtpConfig declares mail settings and shows whether they work."


def smtp_config_crd() -> Schema:
    """The CustomResourceDefinition of SmtpConfig, as ``kubectl apply`` takes it."""
    status = _without_defaults(structural_schema(SmtpConfigStatus))
    # A never-seen object must read as "in progress" to kstatus, so it starts with a generation of -1.
    status["default"] = {"observedGeneration": -1}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.SMTP_CONFIG_PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.SMTP_CONFIG_KIND,
                "listKind": f"{names.SMTP_CONFIG_KIND}List",
                "plural": names.SMTP_CONFIG_PLURAL,
                "singular": "smtpconfig",
                "shortNames": ["smtp"],
                "categories": [names.CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "schema": {
                        "openAPIV3Schema": {
                            "description": _DESCRIPTION,
                            "type": "object",
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": structural_schema(SmtpConfigSpec),
                                "status": status,
                            },
                        }
                    },
                    "selectableFields": [
                        {"jsonPath": ".spec.server"},
                        {"jsonPath": ".spec.password.secretRef.name"},
                    ],
                }
            ],
        },
    }


def smtp_config_json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a SmtpConfig manifest, for editors. It has no CEL rules."""
    spec = _editor_schema(structural_schema(SmtpConfigSpec))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": names.SMTP_CONFIG_KIND,
        "description": _DESCRIPTION,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": names.API_VERSION},
            "kind": {"const": names.SMTP_CONFIG_KIND},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": {"type": "object"},
        },
        "additionalProperties": False,
    }


def structural_schema(model: type[BaseModel]) -> Schema:
    """The model's schema in the structural form that Kubernetes demands: no $ref, no anyOf, no null."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    return _structural(schema, definitions)


def _structural(node: Schema, definitions: Schema) -> Schema:
    node = _without_indirection(dict(node), definitions)
    node.pop("title", None)
    node.pop("additionalProperties", None)
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
    """Follows ``$ref``, and takes the one real type of ``X or null``; what stands beside it goes first."""
    while True:
        if "$ref" in node:
            target = definitions[node.pop("$ref").rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            (target,) = (kind for kind in node.pop("anyOf") if kind.get("type") != "null")
        elif "allOf" in node:
            (target,) = node.pop("allOf")
        else:
            return node
        node = {**deepcopy(target), **node}  # YAML of a part that stands twice would be an alias


def _without_defaults(node: Schema) -> Schema:
    """For status: a default there would look like something that the operator found."""
    node = {key: value for key, value in node.items() if key != "default"}
    if "properties" in node:
        node["properties"] = {name: _without_defaults(child) for name, child in node["properties"].items()}
    if "items" in node:
        node["items"] = _without_defaults(node["items"])
    return node


def _editor_schema(node: Schema) -> Schema:
    """Plain JSON Schema of a structural one: unknown fields refused, Kubernetes extensions left out."""
    plain = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-")}
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
