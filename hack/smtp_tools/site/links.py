# SPDX-License-Identifier: Apache-2.0
"""Where a file of the repository is on the site, and the links between pages there."""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Final

DOCS: Final = "docs/"

PROJECT: Final = {
    "README.md": "project/overview.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "hack/README.md": "project/tools.md",
    "tests/unit/smtp/diagnosis/corpus/README.md": "project/corpus.md",
}
"""The pages of the site outside of ``docs/``, by their path in the repository."""

_FENCE: Final = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_LINK: Final = re.compile(r"(?<=\]\()([^)\s#]+)")
_ABSOLUTE: Final = re.compile(r"[a-z]+:|/")


def place_of(path: str) -> str:
    """Return the source path on the site of a file of the repository; no page of the site: a file to read."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return PROJECT.get(path) or f"files/{path}{'.txt' if path.endswith('.md') else ''}"


def targets_in(text: str, page: str) -> Iterator[str]:
    """Yield the path of each file of the repository to which this page links."""
    for target in _LINK.findall(_FENCE.sub("", text)):
        if not _ABSOLUTE.match(target):
            yield _resolved(target, page)


def for_the_site(text: str, page: str) -> str:
    """Return the Markdown of a page, without comments, and with links that are right on the site."""
    here = posixpath.dirname(place_of(page))

    def moved(found: re.Match[str]) -> str:
        if _ABSOLUTE.match(found[1]):
            return found[1]
        return posixpath.relpath(place_of(_resolved(found[1], page)), here or ".")

    return outside_of_blocks(text, lambda prose: _LINK.sub(moved, _COMMENT.sub("", prose)))


def outside_of_blocks(text: str, change: Callable[[str], str]) -> str:
    """Return the text with all of it changed except its fenced blocks."""
    parts, start = [], 0
    for block in _FENCE.finditer(text):
        parts += [change(text[start : block.start()]), block[0]]
        start = block.end()
    return "".join([*parts, change(text[start:])])


def _resolved(target: str, page: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
