# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_testkit.realpeers`` checks whether `make test-peers` can run; else exit code 1.

``--install`` first installs missing programs by apt-get, as root on Debian, and gets the servers that are
not installed. ``--all`` also gets the servers of `make test-peers-all`.
"""

import argparse
import os
import shutil
import subprocess
import sys

from smtp_testkit.realpeers.authentication import PACKAGES as MAIL_FILTERS
from smtp_testkit.realpeers.authoritative import PACKAGES as NAME_SERVER
from smtp_testkit.realpeers.servers import FURTHER, REQUIRED
from smtp_testkit.realpeers.servers.packages import unpacked
from smtp_testkit.realpeers.tools import INSTALL, NeedsTools, missing_tools


def main() -> int:
    """Print what is missing and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m smtp_testkit.realpeers")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    if options.install and missing_tools() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(("sh", "-c", INSTALL), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    missing = [missing_tools()]
    if options.install:
        for server in (*REQUIRED, *FURTHER) if options.all else REQUIRED:
            try:
                server().fetch()
            except NeedsTools as error:
                missing.append(f"{server.name}: {error}")
        for name, packages in (("NSD", NAME_SERVER), ("OpenDKIM and OpenDMARC", MAIL_FILTERS)):
            try:
                unpacked(packages)
            except NeedsTools as error:
                missing.append(f"{name}: {error}")
    lines = [line for line in missing if line]
    if lines:
        print("\n".join(lines), file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
