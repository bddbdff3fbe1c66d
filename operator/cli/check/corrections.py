# SPDX-License-Identifier: Apache-2.0
"""Turns a value of the wrong type or form into the one that was probably meant.

Each candidate counts only if the model accepts it in its place. Values that could be secrets are never part
of a correction: an example replaces them.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final

import yaml
from pydantic import ValidationError

from smtp_operator.api.crd import Schema, required_fields, structural_schema
from smtp_operator.api.durations import format_duration
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.cli.check.examples import MISSING, Path, concealed, example_of
from smtp_operator.cli.check.unknown_fields import normalized

DURATIONS: Final = frozenset({"timeout", "interval"})

_ENUM_SYNONYMS: Final = {
    "smtpType": {
        "ssl": "TLS",
        "ssltls": "TLS",
        "smtps": "TLS",
        "implicit": "TLS",
        "implicittls": "TLS",
        "tlsimplicit": "TLS",
        "tlsv12": "TLS",
        "tlsv13": "TLS",
        "explicit": "StartTLS",
        "explicittls": "StartTLS",
        "true": "StartTLS",
        "yes": "StartTLS",
        "mandatory": "StartTLS",
        "required": "StartTLS",
        "opportunistic": "StartTLS",
        "plain": "None",
        "plaintext": "None",
        "insecure": "None",
        "no": "None",
        "off": "None",
        "false": "None",
        "smtp": "None",
        "unencrypted": "None",
    },
    "mode": {
        "send": "SendEmail",
        "mail": "SendEmail",
        "email": "SendEmail",
        "full": "SendEmail",
        "auth": "Login",
        "authenticate": "Login",
        "connection": "Connect",
        "ping": "Connect",
        "tcp": "Connect",
        "rcpt": "Envelope",
    },
    "authMechanism": {"any": "Auto", "automatic": "Auto", "oauth2": "XOAUTH2", "oauth": "XOAUTH2"},
}
_TRUE: Final = frozenset({"true", "yes", "on", "y", "1", "enabled"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "0", "disabled"})
_WORDS_OF_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h|d|w)", re.IGNORECASE)
_WHOLE_NUMBER: Final = re.compile(r"(?<![\w.-])\d{1,9}(?![\w.])")
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,3})?")
_PATH: Final = re.compile(r"[/?#].*")
_NAME_LIKE: Final = re.compile(r"[\w. -]+")
_NOT_IN_AN_OBJECT_NAME: Final = re.compile(r"[^a-z0-9.]+")
_BRACKETS: Final = re.compile(r"<(?P<address>[^<>]*)>")
_MAILTO: Final = re.compile(r"^mailto:", re.IGNORECASE)
_NOT_IN_A_NAME: Final = re.compile(r"[\"\u201c\u201d\\\x00-\x1f]")
_BETWEEN_ITEMS: Final = re.compile(r"[,;\s]+")
_PORT: Final = re.compile(r"(?:^(?:\w+://)?[^:/\[\]]+|\]):(?P<port>\d{1,5})/?$")
_ADDRESS: Final = re.compile(r"[^\s<>()\[\]:;@\\,\"']{1,64}@[^\s<>()\[\]:;@\\,\"']{1,253}")


@cache
def spec_schema() -> Schema:
    """Return the schema of the spec of a SmtpConfig; do not change it."""
    return structural_schema(SmtpConfigSpec)


class Corrector:
    """Finds corrections for the values of one spec."""

    def __init__(self, spec: Any) -> None:
        self._spec = spec
        self.schema: Schema = spec_schema()

    def node(self, path: Path) -> Schema | None:
        """Return the schema of a field; None if the field does not exist."""
        node = self.schema
        for part in path:
            found = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
            if found is None:
                return None
            node = found
        return node

    def value_at(self, path: Path) -> Any:
        """Return the value of the spec there, or ``MISSING``."""
        value = self._spec
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return MISSING
        return value

    def accepts(self, path: Path, value: Any) -> bool:
        """Return whether the model finds no problem in this value of the field."""
        try:
            SmtpConfigSpec.model_validate(_with(self._spec, path, value))
        except ValidationError as error:
            return not any(problem["loc"][: len(path)] == path for problem in error.errors())
        except RecursionError:
            return False
        return True

    def corrected(self, path: Path, value: Any) -> Any:
        """Return the value that was probably meant, or an example; ``MISSING`` if neither is accepted."""
        node = self.node(path)
        if node is None:
            return MISSING
        if value is not MISSING and not concealed(path, node):
            for candidate in candidates(value, node, path):
                if self.accepts(path, candidate):
                    return candidate
        example = example_of(node, path)
        return example if self.accepts(path, example) else MISSING


def written(path: Path, value: Any) -> str:
    """Return the field as one line of YAML; an item of a list starts with a dash."""
    item = {path[-1]: value} if path and isinstance(path[-1], str) else [value]
    text = yaml.safe_dump(
        item, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    inside = text.strip()[1:-1]
    return inside if isinstance(item, dict) else f"- {inside}"


def nested(path: Path, value: Any) -> Any:
    """Return the value below the names of a path, such as ``{"caRef": {"name": …}}``."""
    for part in reversed(path):
        value = {part: value}
    return value


def as_name(text: str) -> str:
    """Return the text as the name of an object."""
    return _NOT_IN_AN_OBJECT_NAME.sub("-", text.strip().lower()).strip("-.")


def addresses_in(value: Any) -> list[str]:
    """Return the email addresses in a text."""
    return _ADDRESS.findall(value) if isinstance(value, str) else []


def port_in(value: Any) -> int | None:
    """Return the port behind a host name, such as that of ``smtp.example.com:587``."""
    found = _PORT.search(value) if isinstance(value, str) else None
    return int(found["port"]) if found else None


def candidates(value: Any, node: Schema, path: Path) -> Iterator[Any]:
    """Yield what could have been meant, the likeliest first."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if node["type"] not in ("array", "object") and isinstance(value, list | dict):
        if name == "from" and isinstance(value, dict):
            yield from _from_addresses(" ".join(it for it in value.values() if isinstance(it, str)))
        for part in value.values() if isinstance(value, dict) else value:
            if not isinstance(part, list | dict):
                yield part
                yield from candidates(part, node, path)
    elif "enum" in node:
        yield from _enum(value, node["enum"], name)
    elif node["type"] == "integer":
        yield from _integers(value)
    elif node["type"] == "boolean":
        yield from _booleans(value)
    elif node["type"] == "array":
        yield from _lists(value, node["items"], path)
    elif node["type"] == "object":
        yield from _maps(value, node, path)
    else:
        yield from _texts(value, name)


def _with(spec: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        items = list(spec) if isinstance(spec, list) else []
        if first < len(items):
            items[first] = _with(items[first], rest, value)
        else:
            items.append(_with(None, rest, value))
        return items
    fields = copy.copy(spec) if isinstance(spec, dict) else {}
    fields[first] = _with(fields.get(first), rest, value)
    return fields


def _enum(value: Any, allowed: Sequence[str], name: str) -> Iterator[Any]:
    text = normalized(str(value))
    for it in allowed:
        if text == normalized(it):
            yield it
    if found := _ENUM_SYNONYMS.get(name, {}).get(text):
        yield found


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, str) and (found := _WHOLE_NUMBER.search(value)):
        yield int(found[0])
    elif isinstance(value, float):
        yield int(value) if abs(value) < 1e9 else 0


def _booleans(value: Any) -> Iterator[bool]:
    text = str(value).strip().lower()
    if text in _TRUE:
        yield True
    elif text in _FALSE:
        yield False


def _texts(value: Any, name: str) -> Iterator[str]:
    if name in DURATIONS:
        yield from _durations(value)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield str(value)
    elif name == "from":
        yield from _from_addresses(value)
    elif name in ("to", "cc", "bcc"):
        yield from _ADDRESS.findall(value)
    elif name in ("server", "serverName", "heloName"):
        host = value.strip().rsplit("://", 1)[-1]
        host = _PATH.sub("", host.rsplit("@", 1)[-1])
        yield host.strip("[]")
        yield host.rpartition(":")[0].strip("[]")
    elif name == "name" and _NAME_LIKE.fullmatch(value) and "---" not in value:
        yield as_name(value)


def _durations(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield from () if value else ("0s",)
    elif isinstance(value, int | float):
        if value == 0:
            yield "0s"
        elif 0 < value < 1e9:
            yield format_duration(value)
            yield format_duration(value / 1000)
    elif isinstance(value, str):
        text = value.strip().lower()
        if _NUMBER.fullmatch(text):
            yield f"{text}s"
        parts = _WORDS_OF_TIME.findall(text)
        if parts:
            yield "".join(_hours(number, unit) for number, unit in parts)
        if text in ("never", "off", "none", "no", "false", "disabled"):
            yield "0s"
        if text.startswith("@"):
            yield from filter(None, [{"@hourly": "1h", "@daily": "24h", "@weekly": "168h"}.get(text)])


def _hours(number: str, unit: str) -> str:
    factor = {"d": 24, "w": 168}.get(unit)
    return f"{float(number) * factor:g}h" if factor else f"{number}{unit}"


def _from_addresses(text: str) -> Iterator[str]:
    addresses = _ADDRESS.findall(text)
    bracketed = _BRACKETS.search(text)
    address = next(reversed(_ADDRESS.findall(bracketed["address"] if bracketed else "")), None)
    address = address or (addresses[-1] if addresses else None)
    if address is None:
        return
    if not bracketed and len(addresses) > 1:
        yield addresses[0]
        return
    name = text[: bracketed.start()] if bracketed else text.replace(address, "")
    name = _MAILTO.sub("", name.strip().strip("()<>,;").strip())
    name = _NOT_IN_A_NAME.sub("", name).strip()
    name = name[1:-1] if name.startswith("'") and name.endswith("'") and len(name) > 1 else name
    if name:
        yield f"{name} <{address}>"
        yield f'"{name}" <{address}>'
    yield address


def _lists(value: Any, item: Schema, path: Path) -> Iterator[list[Any]]:
    if isinstance(value, list):  # only as a whole, such as one with duplicates
        yield list(dict.fromkeys(it for it in value if isinstance(it, str)))
        return
    if isinstance(value, dict):
        parts: Iterable[Any] = [it for it in value.values() if isinstance(it, str)] or list(value)
    elif isinstance(value, str):
        parts = [it.lstrip("- ") for it in _BETWEEN_ITEMS.split(value.strip("[] ")) if it.strip("- ")]
        yield from () if value.startswith("-") else ([value],)
    else:
        return
    chosen = [next((it for it in candidates(part, item, path)), part) for part in parts]
    yield list(parts)
    yield [it for number, it in enumerate(chosen) if it not in chosen[:number]]


def _maps(value: Any, node: Schema, path: Path) -> Iterator[dict[str, Any]]:
    properties: dict[str, Schema] = node["properties"]
    if isinstance(value, list):
        if value and all(isinstance(it, dict) for it in value):
            merged = {key: part for it in value for key, part in it.items()}
            yield merged
            yield {
                key: next(candidates(part, properties[key], (*path, key)), part)
                if key in properties
                else part
                for key, part in merged.items()
            }
        names = [it for it in properties if properties[it]["type"] == "array"]
    elif isinstance(value, dict):
        return
    else:
        required = required_fields(node)
        names = [*required, *(it for it in properties if it not in required)]
    for name in names:
        child = properties[name]
        if child["type"] in ("object", "boolean") or (len(path) and concealed((*path, name), child)):
            continue
        if isinstance(value, str) and child["type"] == "string" and child.get("enum", [value]).count(value):
            yield {name: value}
        for candidate in (value, *candidates(value, child, (*path, name))):
            if not isinstance(candidate, str) or child["type"] != "string" or name != "key":
                yield {name: candidate}
