# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_testkit.browser`` checks whether `make test-browser` can run; else exit code 1.

``--install`` first installs a missing chromium by apt-get, as root on Debian.
"""

import os
import shutil
import subprocess
import sys

from smtp_testkit.browser.chromium import INSTALL, missing


def main(arguments: list[str]) -> int:
    """Print what is missing and return the exit code."""
    if arguments == ["--install"] and missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(("sh", "-c", INSTALL), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    lacking = missing()
    if lacking:
        print(lacking, file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
