# SPDX-License-Identifier: Apache-2.0
"""Reads YAML as kubectl does, and rejects what kubectl rejects.

No message quotes a value: it could be a password.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from smtp_operator.api.objects import JsonObject
from smtp_operator.cli.check.yaml_errors import DuplicateKey, explain, is_markup

STANDARD_INPUT: Final = "-"


class ManifestUnusable(Exception):
    """The input contains no usable SmtpConfig. The text names the location and the fix."""


class _Loader(yaml.SafeLoader):
    """Safe loader without types that only PyYAML knows; rejects duplicate keys."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping and reject duplicate keys."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys: dict[str, yaml.Mark] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                raise DuplicateKey(key.value, keys[key.value], key.start_mark)
            keys[key.value] = key.start_mark
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

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The objects of a file, with Lists expanded."""

    source: str
    documents: Sequence[JsonObject]
    text: str = field(default="", repr=False)
    others: Sequence[str] = ()
    """Contents other than maps, such as ``a list``."""


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
        if raw.startswith(_UTF_16):
            raise ManifestUnusable(f"{source_name(path)} is UTF-16 text; save it as UTF-8")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ManifestUnusable(f"{source_name(path)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ManifestUnusable(f"{source_name(path)} is not UTF-8 text; save it as UTF-8") from None


def read_documents(path: str, stdin: TextIO) -> Manifest:
    """Return the objects of a file; ``-`` is standard input.

    Raises:
        ManifestUnusable: the file cannot be read, or is not YAML.
    """
    text, source = read_text(path, stdin), source_name(path)
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        found = explain(text, error)
        line = f", line {found.line}" if found.line else ""
        raise ManifestUnusable(f"{source}{line}: not YAML: {found.text}") from None
    except (ValueError, OverflowError, RecursionError):
        raise ManifestUnusable(f"{source}: not YAML: a number, a tag or the nesting cannot be read") from None
    others = [_content_of(it) for it in documents if isinstance(it, list | str)]
    objects = [it for document in documents for it in _objects(document)]
    return Manifest(source, objects, text, others)


def _content_of(document: list[Any] | str) -> str:
    if isinstance(document, list):
        return "a list"
    return "HTML or XML" if is_markup(document) else "text"


def _objects(document: Any) -> Iterator[JsonObject]:
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if str(document.get("kind")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _objects(item)
    else:
        yield document
