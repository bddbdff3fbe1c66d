# SPDX-License-Identifier: Apache-2.0
"""Programs of other authors in a separate virtual environment, one for each lock file and Python."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

CACHE = Path(__file__).parents[3] / ".foreign-clients"
_SECONDS = 600


def python_with(lock: Path, *, cache: Path = CACHE) -> Path:
    """Return a Python with the packages of ``lock``; install them from the package index if necessary.

    Raises:
        RuntimeError: the installation failed; the text is that of pip.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache / f"{sys.implementation.cache_tag}-{digest}"
    done = folder / ".done"
    cache.mkdir(exist_ok=True)
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder)
            _install(folder / "bin" / "python", lock)
            done.touch()
    return folder / "bin" / "python"


def _install(python: Path, lock: Path) -> None:
    # The pip of .venv, so that it uses the same index and certificates as `make install`.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    made = subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if made.returncode:
        raise RuntimeError(f"pip could not install {lock}:\n{made.stderr}")
