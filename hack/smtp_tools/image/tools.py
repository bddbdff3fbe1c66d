# SPDX-License-Identifier: Apache-2.0
"""The programs that are needed to build and run the image, and how to install them."""

import os
import shutil
from typing import Final

PACKAGES: Final = (
    *("buildah", "runc", "mmdebstrap", "golang-github-containers-common"),
    *("openssl", "qemu-user-static"),
)
INSTALL: Final = (
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
    + " ".join(PACKAGES)
)
_PROGRAMS: Final = ("buildah", "runc", "mmdebstrap", "unshare", "openssl", "qemu-aarch64-static")
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"


def missing_tools() -> str:
    """Return which tools are missing and how to install them; empty if there are all."""
    if os.geteuid() != 0:
        return "make test-image builds and runs containers, which needs root: run it as root."
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    return f"make test-image needs {', '.join(missing)}. On Debian: {INSTALL}" if missing else ""
