# SPDX-License-Identifier: Apache-2.0
"""Generated parts of the Helm chart: its values and their reference."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from smtp_tools.generate.reference import MADE, table

CHART = Path("deploy/charts/smtp-operator")
ROOT = Path(__file__).resolve().parents[3]

Schema = dict[str, Any]

_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Generated from values.schema.json; run `make generate`.
"""


def values_schema() -> Schema:
    """Return ``values.schema.json``: all values with meanings and defaults."""
    schema: Schema = json.loads((ROOT / CHART / "values.schema.json").read_text(encoding="utf-8"))
    return schema


def value_paths() -> tuple[str, ...]:
    """Return the paths of all values, such as ``image.repository``."""
    return tuple(_paths(values_schema(), ""))


def _paths(schema: Schema, prefix: str) -> Iterator[str]:
    for name, value in schema["properties"].items():
        yield f"{prefix}{name}"
        yield from _paths(value, f"{prefix}{name}.") if "properties" in value else ()


def values_file() -> str:
    """Return ``values.yaml``: every value with its meaning and default."""
    return _HEAD + "".join(_value_lines(values_schema(), ""))


def _value_lines(schema: Schema, indent: str) -> Iterator[str]:
    for name, value in schema["properties"].items():
        if not indent:
            yield "\n"
        for line in textwrap.wrap(value["description"], 106 - len(indent), break_on_hyphens=False):
            yield f"{indent}# {line}\n"
        if "properties" in value:
            yield f"{indent}{name}:\n"
            yield from _value_lines(value, f"{indent}  ")
        else:
            yield textwrap.indent(_written(name, value["default"]), indent)


def _written(name: str, default: Any) -> str:
    if default and isinstance(default, dict):
        return yaml.safe_dump({name: default}, sort_keys=False)
    return f"{name}: {json.dumps(default)}\n"


def values_reference() -> str:
    """Return ``docs/reference/chart-values.md``: every value with type, default and meaning."""
    head = (
        "# Values of the Helm chart\n\n"
        "The chart refuses other values. `helm install --values"
        " deploy/charts/smtp-operator/profiles/NAME.yaml`\n"
        "uses a profile: `high-availability`, `locked-down` or `namespaced`.\n"
    )
    rows = table(("value", "type", "default", "meaning"), _rows(values_schema(), ""))
    return "\n".join([MADE, head, *rows, ""])


def _rows(schema: Schema, prefix: str) -> Iterator[tuple[str, ...]]:
    for name, value in schema["properties"].items():
        path = f"{prefix}{name}"
        if "properties" in value:
            yield f"`{path}`", "", "", value["description"]
            yield from _rows(value, f"{path}.")
        else:
            yield f"`{path}`", _type(value), f"`{json.dumps(value['default'])}`", value["description"]


def _type(value: Schema) -> str:
    if "enum" in value:
        return ", ".join(f"`{it}`" for it in value["enum"])
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join("list" if kind == "array" else kind for kind in kinds)
