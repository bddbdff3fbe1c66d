# SPDX-License-Identifier: Apache-2.0
"""The parts of a page that run together: its blocks of one world, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smtp_testkit.handbook.blocks import ROOT, Block, blocks_of
from smtp_testkit.handbook.outputs import aligned, same_output
from smtp_testkit.handbook.world import Page, World


@dataclass(frozen=True)
class Run:
    """Some blocks of one page, and the world they need."""

    page: Path
    world: str
    blocks: tuple[Block, ...]

    @property
    def needs(self) -> Page:
        """The requirements of the page for its world."""
        text = self.page.read_text(encoding="utf-8")
        return Page(self.world, self.blocks[0].tags.get("namespace", Page.namespace), text)

    def __str__(self) -> str:
        """Return page and world, such as ``docs/quick-start.md (bare)``."""
        return f"{self.page.relative_to(ROOT)} ({self.world})"

    def differences(self, world: World) -> Iterator[str]:
        """Run the commands; return each difference between output and quotation.

        Raises:
            CommandFailed: a command failed.
        """
        for block, command, quoted, real in self.steps(world):
            if quoted is not None and not same_output(quoted, real):
                yield f"{block}: $ {command}\nis said to print\n{quoted}\nbut prints\n{real}\n"

    def steps(self, world: World) -> Iterator[tuple[Block, str, str | None, str]]:
        """Run the commands; yield each with the quoted and the real output."""
        for block in self.blocks:
            if "file" in block.tags:
                world.save(block.tags["file"], block.text)
            if "mail" in block.tags:
                yield block, "", block.text, world.mail(block.tags["mail"])
            if not block.runs or "elsewhere" in block.tags:
                continue
            if "background" in block.tags:
                world.start(block.tags.get("instead", block.text), block.tags["background"])
                continue
            if "before" in block.tags:
                world.run(block.tags["before"])
            if "afterwards" in block.tags:
                world.tidy_up_by(block.tags["afterwards"])
            for command, quoted in block.steps:
                yield block, command, quoted, aligned(world.run(command))
            if "operator" in block.tags:
                world.start_operator(block.tags["operator"].split())


def runs_of(page: Path) -> list[Run]:
    """Return the runs of a page; none if it has no command."""
    worlds: dict[str, list[Block]] = {}
    for block in blocks_of(page):
        worlds.setdefault(block.tags.get("world", Page.world), []).append(block)
    return [
        Run(page, world, tuple(blocks))
        for world, blocks in worlds.items()
        if any((block.runs and "elsewhere" not in block.tags) or "mail" in block.tags for block in blocks)
    ]
