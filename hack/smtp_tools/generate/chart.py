# SPDX-License-Identifier: Apache-2.0
"""Generated parts of the Helm chart: its values and their reference."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from smtp_operator.settings import FLAGS, CommandLineFlag
from smtp_tools.generate.reference import MADE, table
from smtp_tools.generate.text import to_yaml

CHART = Path("deploy/charts/smtp-operator")
ROOT = Path(__file__).resolve().parents[3]

Schema = dict[str, Any]

_BY_OPTION = {flag.option: flag for flag in FLAGS}

_HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Generated from values.schema.json; run `make generate`.
"""
_HEAD_OF_FLAGS = """\
# SPDX-License-Identifier: Apache-2.0
# Generated from values.schema.json and operator/settings.py; run `make generate`.
"""


def values_schema() -> Schema:
    """Return ``values.schema.json``: all values with meanings and defaults."""
    schema: Schema = json.loads((ROOT / CHART / "values.schema.json").read_text(encoding="utf-8"))
    return schema


def flags_of_values() -> Iterator[tuple[str, CommandLineFlag]]:
    """Yield the path and the flag of each value that has one (``x-flag``)."""
    for path, value in _values(values_schema(), ""):
        if "x-flag" in value:
            yield path, _BY_OPTION[value["x-flag"]]


def flags_file() -> str:
    """Return ``files/flags.yaml``, from which the chart renders the command line."""
    rows = [{"value": path, "flag": it.option, "default": it.default} for path, it in flags_of_values()]
    return f"{_HEAD_OF_FLAGS}{to_yaml({'flags': rows})}"


def value_paths() -> tuple[str, ...]:
    """Return the paths of all values, such as ``image.repository``."""
    return tuple(path for path, _ in _values(values_schema(), ""))


def _values(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    for name, value in schema["properties"].items():
        yield f"{prefix}{name}", value
        yield from _values(value, f"{prefix}{name}.") if "properties" in value else ()


def values_file() -> str:
    """Return ``values.yaml``: every value with its meaning and default."""
    return _HEAD + "".join(_value_lines(values_schema(), ""))


def _value_lines(schema: Schema, indent: str) -> Iterator[str]:
    for name, value in schema["properties"].items():
        if not indent:
            yield "\n"
        for line in textwrap.wrap(_meaning(value), 106 - len(indent), break_on_hyphens=False):
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
        "uses a profile: `high-availability`, `locked-down`, `namespaced` or `openshift`.\n"
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
            yield f"`{path}`", _type(value), _default(value), _meaning(value)


def _meaning(value: Schema) -> str:
    """Return the description, and what an empty value means if the program has a default."""
    flag = _BY_OPTION[value["x-flag"]] if "x-flag" in value else None
    if flag is None or not flag.default:
        return str(value["description"])
    empty = {"null": "null", '""': "Empty", "[]": "Empty"}[json.dumps(value["default"])]
    return f"{value['description']} {empty}: the default of {flag.option}."


def _default(value: Schema) -> str:
    flag = _BY_OPTION[value["x-flag"]] if "x-flag" in value else None
    text = f"`{json.dumps(value['default'])}`"
    return f"{text}: the program's default, `{flag.default}`" if flag and flag.default else text


def _type(value: Schema) -> str:
    if "enum" in value:
        return ", ".join(f"`{it}`" if it else '`""`' for it in value["enum"])
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join("list" if kind == "array" else kind for kind in kinds)
