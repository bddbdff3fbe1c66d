# SPDX-License-Identifier: Apache-2.0
"""Finds promtool and Prometheus, or downloads them without installing anything."""

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
    """The tests cannot run here; the text says what to do."""


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the package: `smtp-operator/prometheus` in `$XDG_CACHE_HOME` or `~/.cache`."""
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "smtp-operator" / "prometheus"


def program(name: str) -> Path:
    """Return the path of a program: from the PATH, or unpacked.

    Raises:
        NeedsTools: it is in neither.
    """
    unpacked = folder() / "usr" / "bin" / name
    found = shutil.which(name) or (unpacked if unpacked.is_file() else None)
    if found is None:
        raise NeedsTools(
            f"make test-monitoring needs {name}. On Debian: make test-monitoring FETCH=1 (it needs no root)"
        )
    return Path(found)


def missing() -> str:
    """Return what is missing and what to do about it; empty if nothing is missing."""
    try:
        for name in PROGRAMS:
            program(name)
    except NeedsTools as error:
        return str(error)
    return ""


def fetch() -> None:
    """Download and unpack Debian's package, without installing or starting anything; needs no root.

    Raises:
        NeedsTools: this is not Debian, or the package lists are missing.
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
