# SPDX-License-Identifier: Apache-2.0
"""Check the workflows below ``.github/`` with actionlint, built from its Go module."""

import subprocess
import sys

from smtp_tools.gobuild import BuildError, Program, program_folder
from smtp_tools.paths import HACK, ROOT

PROGRAM = Program(
    source=HACK / "actionlint",
    announcement=(
        "Building actionlint from its Go module.\n"
        "This happens once and takes about half a minute on 2 cores; it needs 8 MB of disk."
    ),
)


def main() -> int:
    """Print what actionlint reports, and return its exit code."""
    try:
        program = program_folder(PROGRAM) / PROGRAM.name
    except BuildError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
    return subprocess.run([program, *workflows], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
