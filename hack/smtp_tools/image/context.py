# SPDX-License-Identifier: Apache-2.0
"""The build context: wheels with their hashes, the SBOM, the license. Only this step uses the network."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_tools.image.sbom import sbom

ROOT: Final = Path(__file__).resolve().parents[3]
LOCK: Final = ROOT / "deploy" / "image" / "requirements.lock"
_TOOLS_LOCK: Final = ROOT / "requirements.lock"
_SOURCES: Final = ("operator", "pyproject.toml", "README.md", "LICENSE")
FROM_SOURCE: Final = ("authres",)
"""Packages in pure Python for which PyPI has no wheel."""
_SOURCE_TIME: Final = "315532800"
"""The time in wheels, 1 January 1980: the first that a ZIP file can have, so that builds are equal."""
_MANYLINUX: Final = ("2_34", "2_28", "2_17")


@dataclass(frozen=True, slots=True)
class Target:
    """The platform of the wheels. Examples: ``3.13`` for ``python``, ``x86_64`` for ``machine``."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine: str = platform.machine()

    def flags(self) -> Iterator[str]:
        """Return the options for ``pip download``."""
        yield f"--python-version={self.python}"
        for version in _MANYLINUX:
            yield f"--platform=manylinux_{version}_{self.machine}"


def make_context(folder: Path, target: Target | None = None) -> None:
    """Replace the build context in the folder.

    Raises:
        CalledProcessError: pip failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    download(LOCK, wheels, target or Target())
    _fetch_pip(wheels)
    ours = build_wheel(wheels)
    requirement = f"{ours.name.split('-')[0]} @ file:///wheels/{ours.name}"
    digest = hashlib.sha256(ours.read_bytes()).hexdigest()
    lines = [requirements_of(wheels), f"{requirement} --hash=sha256:{digest}\n"]
    (wheels / "requirements.txt").write_text("".join(lines))
    shutil.copy(ROOT / "LICENSE", folder)
    others = [it for it in wheels.glob("*-*.whl") if it != ours]
    (folder / "sbom.cdx.json").write_text(sbom(ours, others), encoding="utf-8")


def download(lock: Path, wheels: Path, target: Target) -> None:
    """Download the wheels of a lock file, with verified hashes; build those of `FROM_SOURCE`.

    Raises:
        CalledProcessError: pip failed.
    """
    _run("pip", "download", "-qq", "--disable-pip-version-check", "--require-hashes", "--no-deps",
         "--only-binary=:all:", f"--no-binary={','.join(FROM_SOURCE)}", "--no-build-isolation",
         *target.flags(), "-r", lock, "-d", wheels)  # fmt: skip
    for source in wheels.glob("*.tar.gz"):
        _run("pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps", "--no-build-isolation",
             "--no-index", "-w", wheels, source)  # fmt: skip
        source.unlink()


def requirements_of(wheels: Path) -> str:
    """Return the lock file with the hashes of the wheels that were built from source."""
    text = LOCK.read_text(encoding="utf-8")
    for name in FROM_SOURCE:
        (wheel,) = wheels.glob(f"{name}-*.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        head, found, rest = text.partition(f"\n{name}==")
        version, end, hashes = rest.partition(" \\\n")
        text = f"{head}{found}{version}{end}    --hash=sha256:{digest}{end}{hashes}"
    return text


def _fetch_pip(wheels: Path) -> None:
    """Download pip itself, because not every base image has it; it runs from its wheel."""
    blocks = _TOOLS_LOCK.read_text().split("\n")
    start = next(number for number, line in enumerate(blocks) if line.startswith("pip=="))
    end = next(number for number in range(start, len(blocks)) if not blocks[number].endswith("\\"))
    with tempfile.TemporaryDirectory() as scratch:
        lock = Path(scratch) / "pip.lock"
        lock.write_text("\n".join(blocks[start : end + 1]) + "\n")
        _run("pip", "download", "-qq", "--disable-pip-version-check", "--require-hashes", "--no-deps",
             "--only-binary=:all:", "-r", lock, "-d", scratch)  # fmt: skip
        (found,) = Path(scratch).glob("pip-*.whl")
        shutil.move(found, wheels / "pip.whl")


def copy_sources(folder: Path) -> None:
    """Copy what our wheel is built from: in the clone, setuptools would leave a ``build/``."""
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)


def build_wheel(wheels: Path) -> Path:
    """Build our wheel into the folder, and return its path.

    Raises:
        CalledProcessError: pip failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy_sources(Path(scratch))
        _run("pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps", "--no-build-isolation",
             "--no-index", "-w", wheels, scratch)  # fmt: skip
    (ours,) = wheels.glob("smtp_operator-*.whl")
    return ours


def _run(module: str, *words: str | Path) -> None:
    environment = {"SOURCE_DATE_EPOCH": _SOURCE_TIME, **os.environ}
    subprocess.run(
        (sys.executable, "-m", module, *map(str, words)),
        check=True,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
