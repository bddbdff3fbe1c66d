# SPDX-License-Identifier: Apache-2.0
"""The texts in a file: prose of pages, comments, docstrings, messages and names."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final


class Kind(StrEnum):
    """The kind of a text."""

    PROSE = "prose"
    COMMENT = "comment"
    DOCSTRING = "docstring"
    MESSAGE = "message"
    """A string in the product, which users may read."""
    NAME = "name"
    """An identifier, at its first use."""


@dataclass(frozen=True)
class Text:
    """A text and its line, counted from 1."""

    line: int
    kind: Kind
    text: str


_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})")
_COMMENT_OF_PAGE: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_COMMENT: Final = re.compile(r"^\s*(?:#|//)+ ?(.*)$|\s# (.*)$|\{\{-?\s*/\*(.*)\*/\s*-?\}\}")


def texts_of(path: Path) -> list[Text]:
    """Return the texts of a file, by its suffix; other files have none."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [*_joined(_of_python(text)), *(_messages_of(text) if "operator" in path.parts else ())]
    if path.suffix == ".md":
        return list(prose_of(text))
    if path.suffix == ".txt":
        return [Text(number, Kind.PROSE, line) for number, line in enumerate(text.splitlines(), 1)]
    if path.suffix in (".yaml", ".yml", ".tpl", ".toml", ".go") or path.name in ("Makefile", "Dockerfile"):
        return list(_joined(_comments_of(text)))
    return []


def docstrings_of(module: str) -> Iterator[Text]:
    """Yield the docstrings of a module, and those below attributes."""
    for node in ast.walk(ast.parse(module)):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield Text(value.lineno, Kind.DOCSTRING, value.value)


def prose_of(page: str) -> Iterator[Text]:
    """Yield the paragraphs and list items of a Markdown page, without code blocks, tables and quotations."""
    page = _COMMENT_OF_PAGE.sub(lambda found: "\n" * found.group().count("\n"), page)
    fence, start, block = "", 0, list[str]()
    for number, line in enumerate([*page.splitlines(), ""], 1):
        marker = _FENCE.match(line)
        if marker and (not fence or marker[1].startswith(fence)):
            fence = "" if fence else marker[1]
        inside = bool(fence or marker)
        apart = inside or not line.strip() or line.lstrip().startswith(("|", ">", "#"))
        item = re.match(r"\s*(?:[*+-]|\d+\.)\s+", line)
        if block and (apart or item):
            yield Text(start, Kind.PROSE, " ".join(block))
            block = []
        if not inside and line.startswith("#"):
            yield Text(number, Kind.PROSE, line.lstrip("# "))
        if not apart:
            start = start if block else number
            block.append(line[item.end() :] if item else line.strip())


def _comments_of(text: str) -> Iterator[Text]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _COMMENT.search(line)
        if found:
            yield Text(number, Kind.COMMENT, next(it for it in found.groups() if it is not None))


def _of_python(text: str) -> Iterator[Text]:
    names = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], Kind.COMMENT, token.string.lstrip("# "))
        if token.type == tokenize.NAME and token.string not in names:
            names.add(token.string)
            yield Text(token.start[0], Kind.NAME, token.string)
    yield from docstrings_of(text)


def _messages_of(text: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = None  # a docstring is no message
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield Text(node.lineno, Kind.MESSAGE, node.value)


def _joined(texts: Iterable[Text]) -> Iterator[Text]:
    """Join comments on consecutive lines; a phrase may continue on the next line."""
    ahead: Text | None = None
    last = 0
    for it in texts:
        if it.kind is not Kind.COMMENT:
            yield it
        elif ahead and it.line == last + 1:
            ahead = replace(ahead, text=f"{ahead.text} {it.text}")
            last = it.line
        else:
            if ahead:
                yield ahead
            ahead, last = it, it.line
    if ahead:
        yield ahead
