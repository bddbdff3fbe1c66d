# SPDX-License-Identifier: Apache-2.0
"""The programs of the real peers, and how to install them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "postfix",
    "dovecot-core",
    "dovecot-imapd",
    "dovecot-lmtpd",
    "swaks",
    "libnet-ssleay-perl",
    "libdigest-hmac-perl",
)
INSTALL: Final = (
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
    + " ".join(PACKAGES)
)
DAEMONS: Final = Path("/usr/lib/postfix/sbin")
_DOVECOT: Final = Path("/usr/lib/dovecot")
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
_SWAKS_USES: Final = ("-MNet::SSLeay", "-MDigest::HMAC_MD5")
_PROGRAMS: Final = ("postfix", "dovecot", "swaks", "unshare", "mount")


class NeedsTools(Exception):
    """The tests cannot run here; the text says what to do."""


def program(name: str) -> str:
    """Return the path of a program. Raises NeedsTools if it is missing."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise NeedsTools(f"{name} is missing")
    return found


def missing_tools() -> str:
    """Return which programs are missing and how to install them; empty if none is."""
    if os.geteuid() != 0:
        return "make test-peers starts Postfix, which needs root: run it as root, in a container for example."
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if not (DAEMONS / "master").is_file():
        missing.append("Postfix's daemons")
    if "swaks" not in missing:
        modules = subprocess.run((program("perl"), *_SWAKS_USES, "-e", "1"), capture_output=True, check=False)
        if modules.returncode != 0:
            missing.append("what swaks needs for TLS and CRAM-MD5")
    if missing:
        return f"make test-peers needs {', '.join(missing)}. On Debian: {INSTALL}"
    return ""


def missing_mailbox_tools() -> str:
    """Return what mailboxes need in addition to ``missing_tools``; empty if nothing is missing."""
    missing = missing_tools()
    if missing:
        return missing
    absent = [name for name in ("imap", "lmtp") if not (_DOVECOT / name).is_file()]
    return f"make test-peers needs Dovecot's {', '.join(absent)}. On Debian: {INSTALL}" if absent else ""
