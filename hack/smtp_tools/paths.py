# SPDX-License-Identifier: Apache-2.0
"""Folders of the clone."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HACK: Final = ROOT / "hack"
SOURCES: Final = (HACK, ROOT / "tests" / "support")
"""The folders of the packages ``smtp_tools`` and ``smtp_testkit``."""

PYTHONPATH: Final = os.pathsep.join(map(str, SOURCES))
"""The variable PYTHONPATH for processes that import these packages."""
