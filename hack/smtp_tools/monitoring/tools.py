# SPDX-License-Identifier: Apache-2.0
"""Where promtool and Prometheus are, and how to get them without installing anything."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("prometheus", "promtool")
_APT: Final = ("apt-get", "dpkg-deb")


class NeedsTools(Exception):
    """The tier cannot run here; the text says what to do."""


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where Debian's package is unpacked: `$XDG_CACHE_HOME/smtp-operator/prometheus`, or below `~/.cache`."""
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "smtp-operator" / "prometheus"


def program(name: str) -> Path:
    """Where it is: on the PATH, or unpacked.

    Raises:
        NeedsTools: it is at neither place.
    """
    unpacked = folder() / "usr" / "bin" / name
    found = shutil.which(name) or (unpacked if unpacked.is_file() else None)
    if found is None:
        raise NeedsTools(
            f"make test-monitoring needs {name}. On Debian: make test-monitoring FETCH=1 (it needs no root)"
        )
    return Path(found)


def missing() -> str:
    """What keeps the tier from running here and how to change it; empty where nothing does."""
    try:
        for name in PROGRAMS:
            program(name)
    except NeedsTools as error:
        return str(error)
    return ""


def fetch() -> None:
    """Downloads Debian's package and unpacks it; nothing is installed or started, and it needs no root.

    Raises:
        NeedsTools: this is no Debian, or its package lists are missing.
    """
    lacking = [name for name in _APT if shutil.which(name) is None]
    if lacking:
        raise NeedsTools(f"{', '.join(lacking)} is missing: put Prometheus's own programs on the PATH")
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as download:
        if os.geteuid() == 0:
            subprocess.run(("apt-get", "update", "-qq"), check=False)
        done = subprocess.run(("apt-get", "download", "-qq", "prometheus"), cwd=download, check=False)
        packages = list(Path(download).glob("prometheus_*.deb"))
        if done.returncode != 0 or len(packages) != 1:
            raise NeedsTools("apt-get download prometheus failed; as root, apt-get update may mend that")
        unpacked = Path(download) / "unpacked"
        subprocess.run(("dpkg-deb", "-x", packages[0], unpacked), check=True)
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
