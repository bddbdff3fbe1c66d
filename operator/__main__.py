# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator``, also as ``python -m smtp_operator``."""

import sys

from smtp_operator.cli.main import run_program


def main() -> int:
    """Runs the command line of this process and gives its exit code."""
    return run_program(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
