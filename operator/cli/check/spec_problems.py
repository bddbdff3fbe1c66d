# SPDX-License-Identifier: Apache-2.0
"""Says what is wrong in a spec as users write it, what belongs there, and how to write it.

A correction is YAML at the end of a problem. No value that could be a secret is part of it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from smtp_operator.api.fields import field_path
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.cli.check.corrections import (
    DURATIONS,
    Corrector,
    addresses_in,
    nested,
    port_in,
    spec_schema,
    written,
)
from smtp_operator.cli.check.examples import (
    MISSING,
    Path,
    example_of,
)
from smtp_operator.cli.check.meant_values import (
    authority,
    name_and_key,
    smtp_type,
    target_and_value,
    values_inside,
)
from smtp_operator.cli.check.unknown_fields import Names, is_email_text, meant_by, paths_of
from smtp_operator.cli.check.yaml_errors import unrendered

OBJECT_NAME_TEXT: Final = "must consist of lowercase letters, digits, - and ."

_SHOULD: Final = re.compile(r"^(?:Input|String|List) should ")
_TYPES: Final = {
    "integer": "a whole number without quotes",
    "boolean": "true or false without quotes",
    "array": "a list",
    "object": "a map of fields",
    "string": "text",
}
_MAP_ERRORS: Final = frozenset({"model_type", "dict_type", "model_attributes_type"})
_TYPE_ERRORS: Final = _MAP_ERRORS | {"int_type", "bool_type", "string_type", "list_type"}
_NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,62}", re.ASCII)
_QUOTED: Final = re.compile(r"[\d.,_]+|true|false|yes|no|on|off", re.IGNORECASE)
_INVISIBLE: Final = re.compile(r"[^\x21-\x7e]")
_SPECIAL: Final = re.compile(r"[@,\"\\():;\[\]]")


_LEAST: Final = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"}


class SpecProblem:
    """A violated rule: the path of the field in the spec, the text, and lines of corrected YAML."""

    def __init__(self, path: str, text: str, *lines: str) -> None:
        self.path = path
        self.text = text
        self.lines = lines

    def __str__(self) -> str:
        where = field_path(("spec", self.path)) if self.path else "spec"
        if not self.lines:
            return f"{where}: {self.text}"
        between = "\n      " if len(self.lines) > 1 else " "
        return f"{where}: {self.text}; write:{between}{between.join(self.lines)}"


def errors_of(spec: Any) -> list[Any]:
    """Return pydantic's errors of a spec, without values."""
    try:
        SmtpConfigSpec.model_validate(spec)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False, include_context=False)
    return []


def short_text(error: Mapping[str, Any]) -> str:
    """Return the text of one error of pydantic; never a value."""
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "extra_forbidden":
        return "unknown field"
    if error["type"] in _MAP_ERRORS:
        return "must be a map of fields"
    if error["type"] == "string_pattern_mismatch":
        characters = {"key": "letters, digits, -, _ and .", "version": "digits"}.get(error["loc"][-1])
        return f"must consist of {characters}" if characters else OBJECT_NAME_TEXT
    return _SHOULD.sub("must ", error["msg"])


def spec_problems(spec: Any) -> list[SpecProblem]:
    """Return the problems of a spec from a manifest."""
    if spec is None:
        return [SpecProblem("", "is required", written(("spec",), _LEAST))]
    if isinstance(spec, list):
        return [SpecProblem("", "must be a map of fields, not a list; remove the dashes before its fields")]
    if not isinstance(spec, Mapping):
        return [SpecProblem("", f"must be a map of fields, not {_kind_of(spec)}")]
    corrector = Corrector(spec)
    return [
        _unknown(corrector, tuple(error["loc"]))
        if error["type"] == "extra_forbidden"
        else _invalid(corrector, tuple(error["loc"]), error)
        for error in errors_of(spec)
    ]


def meant_in_spec(name: str) -> Names | None:
    """Return the field of the spec that a name means; None if there is none."""
    return meant_by(name, (), spec_schema())


def field_names() -> frozenset[str]:
    """Return the names of all fields of the spec."""
    return frozenset(path[-1] for path in paths_of(spec_schema()))


def _invalid(corrector: Corrector, path: Path, error: Mapping[str, Any]) -> SpecProblem:
    """Return the problem of a field with a value that it cannot have."""
    shown, text, node = field_path(path), short_text(error), corrector.node(path)
    value = corrector.value_at(path)
    if node is None or not path:
        return SpecProblem(shown, text)
    if advice := unrendered(value):
        return SpecProblem(shown, advice)
    if error["type"] in _TYPE_ERRORS:
        text = f"must be {_expected(path, node, value)}, not {_kind_of(value)}"
    if (found := name_and_key(value)) and path in (("username",), ("password", "value")):
        target = {"usernameRef": found} if path == ("username",) else {"password": {"secretRef": found}}
        return SpecProblem(shown, text, written(tuple(target), *target.values()))
    if path == ("tls",) and not isinstance(value, list):
        return SpecProblem(shown, text, f"smtpType: {smtp_type(corrector, 'tls', value)}")
    if isinstance(value, Mapping) and node["type"] == "object":
        empty = next((it for it in value if value[it] is None and it in node["properties"]), None)
        if empty is None:
            return SpecProblem(shown, text)
        inside = (*path, empty)
        example = example_of(node["properties"][empty], inside)
        shows = empty != "value" and corrector.accepts(inside, example)
        lines = [written(inside, example)] if shows else []
        return SpecProblem(field_path(inside), "is empty", *lines)
    if path == ("password",):
        text += "; put the password into a Secret"
    if path == ("from",) and isinstance(value, str) and _SPECIAL.search(value.rpartition("<")[0]):
        text += "; put a display name with special characters in double quotes"
    if isinstance(path[-1], int) and len(addresses_in(value)) > 1:
        text += "; each address is an item of its list"
        return SpecProblem(shown, text, written(path[:-1], addresses_in(value)))
    corrected = corrector.corrected(path, value)
    lines = [] if corrected is MISSING else [written(path, corrected)]
    return SpecProblem(shown, text, *lines, *_port_beside(corrector, path, value))


def _unknown(corrector: Corrector, path: Path) -> SpecProblem:
    """Return the problem of a field that does not exist."""
    *above, name = path
    parents = tuple(it for it in above if isinstance(it, str))
    plain = _INVISIBLE.sub("", str(name))
    target = meant_by(plain.split(":")[0], parents, corrector.schema)
    inside = values_inside(corrector, path)
    if found := authority(path, corrector.value_at(path)):
        line = written(("tls",), {"caRef": found})
        return SpecProblem(field_path(path), "unknown field; the field is tls.caRef", line)
    if target and ":" in plain:
        return SpecProblem(field_path(tuple(above)), f"no space after the colon; write: {target[-1]}: …")
    if not target and plain == "namespace" and parents and parents[-1].endswith("Ref"):
        text = "unknown field; a SmtpConfig refers to objects in its own namespace, so remove this field"
        return SpecProblem(field_path(path), text)
    if not target and (parents[:1] in (("password",), ("oauth2",)) or not _NAME.fullmatch(str(name))):
        # The name itself could be a secret, as in `password: {s3cret}`.
        return SpecProblem(field_path(tuple(above)), f"unknown field; {_valid(corrector, parents)}")
    shown = field_path(path) if _NAME.fullmatch(str(name)) else field_path((*above, "…"))
    if inside and target in (None, ("password",)):
        names = ", ".join(".".join(it) for it in inside)
        lines = [written(it[:1], nested(it[1:], value)) for it, value in inside.items()]
        return SpecProblem(shown, f"unknown field; the fields are {names}", *lines)
    if target is None and is_email_text(str(name)):
        return SpecProblem(shown, "unknown field; the operator writes headers and text of the test email")
    if target is None:
        return SpecProblem(shown, f"unknown field; {_valid(corrector, parents)}")
    value = corrector.value_at(path)
    target, meant = target_and_value(corrector, target, path)
    text = f"unknown field; the field is {'.'.join(target)}"
    line = written(target[:1], nested(target[1:], meant))
    return SpecProblem(shown, text, line, *_port_beside(corrector, target, value))


def _port_beside(corrector: Corrector, path: Path, value: Any) -> list[str]:
    """Return the line for a port that was written behind the name of the server."""
    port = port_in(value) if path == ("server",) else None
    return [f"port: {port}"] if port and port != corrector.value_at(("port",)) else []


def _valid(corrector: Corrector, parents: Names) -> str:
    node = corrector.node(parents) or corrector.schema
    return f"the fields of {'.'.join(('spec', *parents))} are {', '.join(node.get('properties', {}))}"


def _expected(path: Path, node: Mapping[str, Any], value: Any) -> str:
    if path[-1] in DURATIONS:
        return "a duration with a unit"
    if "enum" in node:
        return " or ".join(node["enum"])
    unquoted = node["type"] == "string" and isinstance(value, int | float)
    return "text in quotes" if unquoted else _TYPES[node["type"]]


def _kind_of(value: Any) -> str:
    if value is MISSING or value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else "a number with a fraction"
    if isinstance(value, str):
        quoted = _QUOTED.fullmatch(value.strip())
        return "text in quotes" if quoted else "text"
    return "a list" if isinstance(value, list) else "a map of fields"
