# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_tools.monitoring`` says whether `make test-monitoring` can run here; else exit code 1.

``--fetch`` gets what is missing before: Debian's package of Prometheus, downloaded and unpacked.
"""

import sys

from smtp_tools.monitoring.tools import NeedsTools, fetch, missing


def main(arguments: list[str]) -> int:
    """Says what is missing; the exit code."""
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
