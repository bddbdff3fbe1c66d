# SPDX-License-Identifier: Apache-2.0
"""Folders of the clone."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HACK: Final = ROOT / "hack"
SOURCES: Final = (HACK, ROOT / "tests" / "support")
"""The folders that ``smtp_tools`` and ``smtp_testkit`` are imported from."""

PYTHONPATH: Final = os.pathsep.join(map(str, SOURCES))
"""For processes that import these packages."""
