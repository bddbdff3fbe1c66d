# SPDX-License-Identifier: Apache-2.0
"""Debian packages that are unpacked in the cache of the user, because installed ones conflict."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from smtp_testkit.realpeers.tools import NeedsTools

_APT: Final = ("apt-get", "dpkg-deb")


def unpacked(packages: Sequence[str], environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of these packages; download and unpack them if they are not in the cache.

    Raises:
        NeedsTools: this is not Debian, or it has no such package.
    """
    target = _folder(packages, environment)
    if target.is_dir():
        return target
    lacking = [name for name in _APT if shutil.which(name) is None]
    if lacking:
        raise NeedsTools(f"{', '.join(lacking)} is missing")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as download:
        if not _downloaded(packages, Path(download)):
            subprocess.run(("apt-get", "update", "-qq"), check=False)
            if not _downloaded(packages, Path(download)):
                raise NeedsTools(f"apt-get download {' '.join(packages)} failed")
        files = Path(download) / "unpacked"
        for package in Path(download).glob("*.deb"):
            subprocess.run(("dpkg-deb", "-x", package, files), check=True)
        files.chmod(0o755)
        files.rename(target)
    return target


def libraries(root: Path) -> str:
    """Return the value of LD_LIBRARY_PATH for programs in ``root``."""
    folders = [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib")]
    return os.pathsep.join(map(str, folders))


def _downloaded(packages: Sequence[str], folder: Path) -> bool:
    command = ("apt-get", "download", "-qq", *packages)
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_CACHE_HOME/smtp-operator` or `~/.cache/smtp-operator`."""
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "smtp-operator"


def _folder(packages: Sequence[str], environment: Mapping[str, str]) -> Path:
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    return cache_folder(environment) / "debian" / f"{packages[0]}-{key}"
