# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source distribution, with bytes that depend on the commit only."""

import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from smtp_tools.image.context import copy_sources
from smtp_tools.release.commands import run, run_pip
from smtp_tools.release.images import Commit
from smtp_tools.release.layers import EXECUTABLE, READABLE, Archive

_SDIST: Final = "from setuptools.build_meta import build_sdist; import sys; build_sdist(sys.argv[1])"


def build_packages(folder: Path, commit: Commit) -> tuple[Path, Path]:
    """Write wheel and source distribution to the folder, and return both. Uses no network.

    Raises:
        ReleaseError: setuptools failed.
    """
    environment = {"SOURCE_DATE_EPOCH": str(commit.time), "PYTHONHASHSEED": "0"}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sources, built = Path(scratch, "sources"), Path(scratch, "built")
        sources.mkdir()
        copy_sources(sources)
        for item in sources.rglob("*"):
            item.chmod(EXECUTABLE if item.is_dir() else READABLE)
        run_pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder.resolve(), sources,
                environment=environment)  # fmt: skip
        run(sys.executable, "-c", _SDIST, built, cwd=sources, environment=environment)
        (sdist,) = built.glob("*.tar.gz")
        target = folder / sdist.name
        target.write_bytes(_repacked(sdist, commit))
    (wheel,) = folder.glob("smtp_operator-*.whl")
    return wheel.resolve(), target.resolve()


def _repacked(sdist: Path, commit: Commit) -> bytes:
    """Return the same files with fixed times and owners, which setuptools takes from this machine."""
    archive = Archive(commit.time)
    with tarfile.open(sdist) as found:
        for info in found:
            content = found.extractfile(info)
            if content is not None:
                archive.file(info.name, content.read(), info.mode & 0o777)
    return archive.tar_gz()
