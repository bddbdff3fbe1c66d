# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_tools.monitoring`` checks whether `make test-monitoring` can run; else exit code 1.

``--fetch`` first downloads and unpacks Debian's package of Prometheus, if it is missing.
"""

import sys

from smtp_tools.monitoring.tools import NeedsTools, fetch, missing


def main(arguments: list[str]) -> int:
    """Print what is missing and return the exit code."""
    if arguments == ["--fetch"] and missing():
        try:
            fetch()
        except NeedsTools as error:
            print(error, file=sys.stderr)
            return 1
    lacking = missing()
    if lacking:
        print(lacking, file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
