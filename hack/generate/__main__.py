# SPDX-License-Identifier: Apache-2.0
"""``python -m generate`` writes the generated files, ``--check`` only says which are stale (exit 1)."""

import sys
from pathlib import Path

from generate.files import generated_files, stale_files


def main(arguments: list[str]) -> int:
    """Writes or checks; the exit code."""
    root = Path(__file__).resolve().parents[2]
    if arguments == ["--check"]:
        stale = stale_files(root)
        for path in stale:
            print(f"{path} is stale: run make generate", file=sys.stderr)
        return 1 if stale else 0
    for path, text in generated_files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
