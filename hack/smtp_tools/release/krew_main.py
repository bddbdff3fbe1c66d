# SPDX-License-Identifier: Apache-2.0
"""``main.py`` of the archive for krew: start the plug-in with the packages in ``lib/`` only."""

import sys
from pathlib import Path


def main() -> int:
    """Run the plug-in and return its exit code."""
    library = Path(__file__).resolve().parent / "lib"
    sys.path[:0] = [str(library / str(sys.implementation.cache_tag)), str(library / "any")]
    from smtp_operator.cli.kubectl.main import main as plugin

    return plugin()


if __name__ == "__main__":
    sys.exit(main())
