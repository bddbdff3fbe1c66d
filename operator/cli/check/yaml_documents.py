# SPDX-License-Identifier: Apache-2.0
"""YAML as kubectl understands it: what it would refuse or read otherwise is not tested here either.

No message quotes a value: it could be a password that was written without quotes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from smtp_operator.api.objects import JsonObject

STANDARD_INPUT: Final = "-"


class ManifestUnusable(Exception):
    """What was given is no SmtpConfig that could be tested. The text names the place and what to do."""


class _Loader(yaml.SafeLoader):
    """Safe, without the types that only PyYAML knows, and with every key once."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping, still as nodes."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {_as_key(key.value)} stands there twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return node


_TAG: Final = "tag:yaml.org,2002:"
_ELSEWHERE_TEXT: Final = {f"{_TAG}{name}" for name in ("timestamp", "int", "float", "value")}
# kubectl takes 2026-01-31 and 12:30:45 for texts; PyYAML would make a date and a number of them.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _ELSEWHERE_TEXT]
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
_OF_THE_GRAMMAR: Final = re.compile(r"expected '?(?:<|[\[\]{},:?-])")
_TAB: Final = r"'\t'"


def source_name(path: str) -> str:
    """What messages call it."""
    return "standard input" if path == STANDARD_INPUT else path


def read_text(path: str, stdin: TextIO) -> str:
    """The text of a file; ``-`` is standard input.

    Raises:
        ManifestUnusable: it cannot be read, or is not UTF-8.
    """
    try:
        # Not stdin.read(): the locale must not decide what the bytes mean.
        raw = stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ManifestUnusable(f"{source_name(path)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ManifestUnusable(f"{source_name(path)} is not UTF-8 text") from None


def read_documents(path: str, stdin: TextIO) -> list[JsonObject]:
    """The objects of a file, those of a List one by one; ``-`` is standard input.

    Raises:
        ManifestUnusable: it cannot be read, or is not YAML.
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
        raise ManifestUnusable(f"{source_name(path)}: not YAML (it holds a control character)") from None
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
        return "found a tab where only blanks may indent"
    if _OF_THE_GRAMMAR.match(problem):
        return problem  # what it quotes are tokens such as <block end>
    short = _QUOTED.sub("…", problem)
    hint = "; a text that begins with a special character needs quotes" if short != problem else ""
    return f"{short}{hint}"


def _as_key(text: str) -> str:
    return text if _KEY.fullmatch(text) else "…"
