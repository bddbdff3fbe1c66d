# SPDX-License-Identifier: Apache-2.0
"""Runs pytest for tests of the test setup."""

import os
import subprocess
import sys
from pathlib import Path

from smtp_tools.paths import SOURCES


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in a folder, with pytest-xdist as only plug-in and without settings of this run."""
    options = [f"--rootdir={folder}", "-c", os.devnull, "-o", f"pythonpath={' '.join(map(str, SOURCES))}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", *options, *words],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
