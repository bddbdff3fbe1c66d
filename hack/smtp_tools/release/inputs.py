# SPDX-License-Identifier: Apache-2.0
"""Fetch what the build needs from the network, locked by hash, once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_tools.image.context import LOCK, Target, download
from smtp_tools.paths import ROOT
from smtp_tools.release import debian, krew

PYTHON: Final = "3.13"
"""The version of Python in the locked Debian packages."""
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""Architectures in the names of Debian, and of Python's wheels."""

FOLDER: Final = ROOT / ".release"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The fetched inputs in a folder."""

    folder: Path = FOLDER

    @property
    def debs(self) -> Path:
        """The Debian packages."""
        return self.folder / "debs"

    def wheels(self, architecture: str) -> Path:
        """Return the folder of the wheels for an architecture in Debian's name, such as ``arm64``."""
        return self.folder / f"wheels-{architecture}"

    @property
    def krew(self) -> Path:
        """The wheels of the plug-in."""
        return self.folder / "krew"

    def fetch(self) -> None:
        """Download what is missing.

        Raises:
            ReleaseError: a Debian package, or a wheel of the plug-in, is not to be had.
            CalledProcessError: a wheel is not to be had.
        """
        debian.fetch(self.debs)
        krew.fetch(self.krew)
        for architecture, machine in MACHINES.items():
            wheels, stamp = self.wheels(architecture), self.folder / f"wheels-{architecture}.lock"
            if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
                continue
            wheels.mkdir(parents=True, exist_ok=True)
            for outdated in wheels.glob("*.whl"):
                outdated.unlink()
            download(LOCK, wheels, Target(PYTHON, machine))
            stamp.write_bytes(LOCK.read_bytes())
