# SPDX-License-Identifier: Apache-2.0
"""The fenced blocks of a Markdown page, with the HTML comments that say how to check each.

A comment `<!-- key: value -->` directly above a fence belongs to that block; several with one key are lines
of one value. One in the page's first lines belongs to all blocks:

    file: NAME             the block is a file that later commands use
    world: NAME            environment of its commands, see `world.py`; default: `bare`
    namespace: NAME        the page's name of the namespace that they use; default: `team-a`
    background: listens P  the command keeps running; the next one waits until it listens on port P
    background: says TEXT  the same; the next one waits until it prints TEXT
    instead: COMMAND       runs in place of a background command that needs a Pod: here no Pod runs
    mail: NAME             the email that the SmtpConfig with this name sends, as received
    before: COMMAND        runs before the block's commands; what a reader has done already
    operator: WORDS        starts an operator with NAME=VALUE and --flag=VALUE (`-`: none): no Pod runs
    afterwards: COMMAND    runs at the end, to clean up
    elsewhere: TEST        is not run here but by the file TEST
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]

_COMMENT = re.compile(r"<!-- (?P<key>[a-z]+): (?P<value>.+) -->")
_FENCE = re.compile(r"(?P<fence>`{3,})(?P<language>\S*)")
_HEAD_LINES = 4


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """The line of its fence, from 1."""
    language: str
    text: str
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def runs(self) -> bool:
        """Whether the block has commands."""
        return self.language in ("sh", "console")

    @property
    def steps(self) -> list[tuple[str, str | None]]:
        """Return the commands, each with its quoted output; None: there is none."""
        if self.language != "console":
            return [(self.text, None)]
        steps: list[tuple[str, str | None]] = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            size = 1 + next(i for i, line in enumerate(lines) if not line.endswith("\\"))
            steps.append(("\n".join(lines[:size]), "\n".join(lines[size:])))
        return steps

    def __str__(self) -> str:
        """Return path and line, such as ``docs/quick-start.md:12``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages(root: Path = ROOT) -> list[Path]:
    """Return every Markdown page for readers; not those in folders of tests."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def text_of(page: Path) -> str:
    """Return the text of a page without blocks and comments."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    common = _tags(lines[:_HEAD_LINES])
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        end = lines.index(fence["fence"], at + 1)
        above: list[str] = []
        for line in reversed(lines[:at]):
            if not line.startswith("<!--"):
                break
            above.insert(0, line)
        text = "\n".join(lines[at + 1 : end])
        yield Block(page, at + 1, fence["language"], text, {**common, **_tags(above)})
        at = end + 1


def _tags(lines: list[str]) -> dict[str, str]:
    found = (_COMMENT.fullmatch(line) for line in lines)
    tags: dict[str, str] = {}
    for it in filter(None, found):
        tags[it["key"]] = f"{tags[it['key']]}\n{it['value']}" if it["key"] in tags else it["value"]
    return tags
