# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_testkit.realpeers`` checks whether `make test-peers` can run; else exit code 1.

``--install`` first installs missing programs by apt-get, as root on Debian.
"""

import os
import shutil
import subprocess
import sys

from smtp_testkit.realpeers.tools import INSTALL, missing_tools


def main(arguments: list[str]) -> int:
    """Print what is missing and return the exit code."""
    if arguments == ["--install"] and missing_tools() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(("sh", "-c", INSTALL), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    missing = missing_tools()
    if missing:
        print(missing, file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
