# SPDX-License-Identifier: Apache-2.0
"""Run other programs."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from smtp_tools.release.errors import ReleaseError


def run(*words: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command and return its standard output.

    Raises:
        ReleaseError: the program is missing or fails.
    """
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ReleaseError(f"{command[0]} is missing. On Debian: apt-get install {command[0]}") from None
    if done.returncode:
        output = f"{done.stdout}{done.stderr}".strip()
        raise ReleaseError(f"{' '.join(command)} exited with {done.returncode}:\n{output}")
    return done.stdout


def run_pip(*words: str | Path, environment: Mapping[str, str] | None = None) -> None:
    """Run pip quietly.

    Raises:
        ReleaseError: pip failed.
    """
    run(sys.executable, "-m", "pip", words[0], "-qq", "--disable-pip-version-check", *words[1:],
        environment=environment)  # fmt: skip
