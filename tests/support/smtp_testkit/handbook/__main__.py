# SPDX-License-Identifier: Apache-2.0
"""`python -m smtp_testkit.handbook [PAGE...]` runs the documentation's commands and updates quoted outputs.

An output with a line `…` does not change; the program reports if it no longer matches.
"""

import itertools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smtp_testkit.handbook.blocks import ROOT, Block, pages
from smtp_testkit.handbook.outputs import LEFT_OUT, same_output
from smtp_testkit.handbook.runs import Run, runs_of
from smtp_testkit.handbook.world import FRESH, CommandFailed, World
from smtp_tools.localcluster import LocalCluster


def main(names: Sequence[str]) -> int:
    """Update the quotations; return 0 if all match now."""
    chosen = [Path(name).resolve() for name in names] or pages()
    numbers = itertools.count(1)
    fits = True
    with LocalCluster.start() as cluster, tempfile.TemporaryDirectory() as folder:
        for page in chosen:
            real: dict[Block, list[str]] = {}
            for run in runs_of(page):
                if run.world != FRESH:
                    cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "deploy" / "crds"))
                namespace = f"handbook-{next(numbers)}"
                cluster.kubectl("create", "namespace", namespace)
                with World.entered(
                    run.needs, folder=Path(folder, namespace), cluster=cluster, namespace=namespace
                ) as world:
                    try:
                        fits &= _collect(run, world, real)
                    except CommandFailed as error:
                        print(error, file=sys.stderr)
                        fits = False
            _write(page, real)
    return 0 if fits else 1


def _collect(run: Run, world: World, found: dict[Block, list[str]]) -> bool:
    """Run the commands; add the text of each console block to `found`, step by step."""
    fits = True
    print(run, file=sys.stderr)
    for block, command, quoted, real in run.steps(world):
        if quoted is None:
            continue
        if same_output(quoted, real):
            text = quoted
        elif LEFT_OUT in quoted.splitlines():
            print(f"{block}: $ {command}\nprints\n{real}\n", file=sys.stderr)
            text, fits = quoted, False
        else:
            text = real
        found.setdefault(block, []).append("\n".join(filter(None, [command and f"$ {command}", text])))
    return fits


def _write(page: Path, found: dict[Block, list[str]]) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in sorted(found, key=lambda it: it.line, reverse=True):
        end = block.line + len(block.text.splitlines())
        if len(found[block]) < len(block.steps):
            continue  # a command of it failed
        lines[block.line : end] = "\n".join(found[block]).splitlines()
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
