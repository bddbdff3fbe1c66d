# SPDX-License-Identifier: Apache-2.0
"""``python -m smtp_tools.image context FOLDER [PYTHON]`` prepares the build context; PYTHON is such as 3.13.

``python -m smtp_tools.image tools [--install]`` checks whether `make test-image` can run here
(exit code 1: it cannot). ``--install`` first installs missing tools by apt-get, as root on Debian.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from smtp_tools.image.context import Target, make_context
from smtp_tools.image.tools import INSTALL, missing_tools


def main(arguments: list[str]) -> int:
    """Run the command and return the exit code."""
    match arguments:
        case ["context", folder]:
            make_context(Path(folder))
        case ["context", folder, python]:
            make_context(Path(folder), Target(python=python))
        case ["tools", *rest]:
            if rest == ["--install"] and missing_tools() and os.geteuid() == 0 and shutil.which("apt-get"):
                command = ("sh", "-c", INSTALL)
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
            if missing := missing_tools():
                print(missing, file=sys.stderr)
                return 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
