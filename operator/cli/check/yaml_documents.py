# SPDX-License-Identifier: Apache-2.0
"""Reads YAML as kubectl does, and rejects what kubectl rejects.

No message quotes a value: it could be a password.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from smtp_operator.api.objects import JsonObject

STANDARD_INPUT: Final = "-"


class ManifestUnusable(Exception):
    """The input contains no usable SmtpConfig. The text names the location and the fix."""


class _Loader(yaml.SafeLoader):
    """Safe loader without types that only PyYAML knows; rejects duplicate keys."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping and reject duplicate keys."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"duplicate key {_as_key(key.value)}", problem_mark=key.start_mark
                )
            keys.add(key.value)
        return node


_TAG: Final = "tag:yaml.org,2002:"
_REPLACED_TAGS: Final = {f"{_TAG}{name}" for name in ("timestamp", "int", "float", "value")}
# kubectl reads 2026-01-31 and 12:30:45 as strings; PyYAML would read a date and a number.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    f"{_TAG}int",
    re.compile(r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)

_KEY: Final = re.compile(r"[\w./-]{1,63}", re.ASCII)
_QUOTED: Final = re.compile(r"(?P<quote>['\"]).*(?P=quote)")
_EXPECTED_TOKEN: Final = re.compile(r"expected '?(?:<|[\[\]{},:?-])")
_TAB: Final = r"'\t'"


def source_name(path: str) -> str:
    """Return the name of a source for messages."""
    return "standard input" if path == STANDARD_INPUT else path


def read_text(path: str, stdin: TextIO) -> str:
    """Return the text of a file; ``-`` is standard input.

    Raises:
        ManifestUnusable: the file cannot be read, or is not UTF-8.
    """
    try:
        # Not stdin.read(), which decodes by the locale.
        raw = stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ManifestUnusable(f"{source_name(path)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ManifestUnusable(f"{source_name(path)} is not UTF-8 text") from None


def read_documents(path: str, stdin: TextIO) -> list[JsonObject]:
    """Return the objects of a file, with Lists expanded; ``-`` is standard input.

    Raises:
        ManifestUnusable: the file cannot be read, or is not YAML.
    """
    text = read_text(path, stdin)
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = error.problem or error.context or "unreadable"
        raise ManifestUnusable(f"{source_name(path)}{line}: not YAML ({_without_values(problem)})") from None
    except yaml.YAMLError:
        raise ManifestUnusable(f"{source_name(path)}: not YAML (it contains a control character)") from None
    except (ValueError, OverflowError, RecursionError):
        raise ManifestUnusable(
            f"{source_name(path)}: not YAML (a number, a tag or the nesting cannot be read)"
        ) from None
    return [it for document in documents for it in _objects(document)]


def _objects(document: Any) -> Iterator[JsonObject]:
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if str(document.get("kind")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _objects(item)
    else:
        yield document


def _without_values(problem: str) -> str:
    if _TAB in problem:
        return "found a tab; use spaces for indentation"
    if _EXPECTED_TOKEN.match(problem):
        return problem  # it quotes tokens such as <block end>, not values
    short = _QUOTED.sub("…", problem)
    hint = "; put a string that starts with a special character in quotes" if short != problem else ""
    return f"{short}{hint}"


def _as_key(text: str) -> str:
    return text if _KEY.fullmatch(text) else "…"
