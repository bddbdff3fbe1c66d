# SPDX-License-Identifier: Apache-2.0
"""The fenced blocks of a Markdown page, with the HTML comments that say how each is checked.

A comment `<!-- key: value -->` right above a fence belongs to that block, one in the page's first lines to
all of its blocks:

    file: NAME             the block is a file that later commands use
    world: NAME            where its commands run, see `world.py`; without one: `bare`
    namespace: NAME        what the page calls the namespace that they work in; without one: `team-a`
    background: listens P  a command that runs on; the next one waits until it listens on port P
    background: says TEXT  the same; until it says TEXT
    mail: NAME             the mail that the SmtpConfig of that name sends, as it arrives
    afterwards: COMMAND    is run when all is over, to tidy up
    elsewhere: TEST        it is not run here; the file TEST does
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
    """One fenced block."""

    page: Path
    line: int
    """Of its fence, from 1."""
    language: str
    text: str
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def runs(self) -> bool:
        """Whether it holds commands."""
        return self.language in ("sh", "console")

    @property
    def steps(self) -> list[tuple[str, str | None]]:
        """The commands, each with the output that is quoted; None: none is."""
        if self.language != "console":
            return [(self.text, None)]
        steps: list[tuple[str, str | None]] = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            size = 1 + next(i for i, line in enumerate(lines) if not line.endswith("\\"))
            steps.append(("\n".join(lines[:size]), "\n".join(lines[size:])))
        return steps

    def __str__(self) -> str:
        """Such as ``docs/quick-start.md:12``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown page that a reader may come across; not those beside tests."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def blocks_of(page: Path) -> list[Block]:
    """Its fenced blocks, in their order."""
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def text_of(page: Path) -> str:
    """Its text without the blocks and comments."""
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
        above = []
        for line in reversed(lines[:at]):
            if not line.startswith("<!--"):
                break
            above.append(line)
        text = "\n".join(lines[at + 1 : end])
        yield Block(page, at + 1, fence["language"], text, {**common, **_tags(above)})
        at = end + 1


def _tags(lines: list[str]) -> dict[str, str]:
    found = (_COMMENT.fullmatch(line) for line in lines)
    return {it["key"]: it["value"] for it in found if it}
