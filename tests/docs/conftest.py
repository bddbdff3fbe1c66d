# SPDX-License-Identifier: Apache-2.0
"""The documentation, and all tracked files."""

import subprocess
from pathlib import Path

import pytest

from smtp_testkit.handbook import Block, blocks_of, pages
from smtp_testkit.testbed.foreign_kinds import define_foreign_kinds
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """The files that git tracks, without links."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    paths = (ROOT / name for name in names.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@pytest.fixture(scope="session")
def foreign_kinds(cluster: LocalCluster) -> None:
    """Kinds of other projects that the documentation shows."""
    define_foreign_kinds(cluster)


@pytest.fixture(scope="session")
def prose() -> dict[Path, str]:
    """The text of every page of the documentation."""
    return {page: page.read_text(encoding="utf-8") for page in pages()}


@pytest.fixture(scope="session")
def blocks() -> list[Block]:
    """Every fenced block of the documentation."""
    return [block for page in pages() for block in blocks_of(page)]
