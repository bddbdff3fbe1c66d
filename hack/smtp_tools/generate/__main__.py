# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_tools.generate`` writes the generated files, ``--check`` only lists stale files."""

import sys
from collections.abc import Mapping
from pathlib import Path

from smtp_tools.generate.files import generated_files, generated_links, stale_files, stale_links
from smtp_tools.generate.manifests import rendered_files
from smtp_tools.localcluster import find_assets


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit code."""
    root = Path(__file__).resolve().parents[3]
    files = generated_files()
    if arguments == ["--check"]:
        stale = stale_files(root, files | rendered_files(find_assets().helm))
        stale += stale_links(root, generated_links())
        for path in stale:
            print(f"{path} is stale: run make generate", file=sys.stderr)
        return 1 if stale else 0
    _write(root, files)
    _write(root, rendered_files(find_assets().helm))  # from the chart that was just written
    for path in stale_links(root, links := generated_links()):
        _link(root / path, links[path])
    return 0


def _write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(path)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
