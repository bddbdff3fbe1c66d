# SPDX-License-Identifier: Apache-2.0
"""Every installed package has a fixed version and hash, also in the image."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "requirements.lock"
OF_THE_IMAGE = ROOT / "deploy" / "image" / "requirements.lock"


def _locked(lock: Path) -> dict[str, str]:
    """Return each requirement with its hashes, by name."""
    blocks = re.findall(r"^([a-z0-9][^=\s]*)(==(?:.*\\\n)*.*)$", lock.read_text(), re.MULTILINE)
    return dict(blocks)


@pytest.mark.parametrize("lock", [LOCK, OF_THE_IMAGE], ids=["for developers", "of the image"])
def test_every_package_has_a_version_and_hashes(lock: Path) -> None:
    locked = _locked(lock)

    assert locked
    assert [name for name, what in locked.items() if "--hash=sha256:" not in what] == []


@pytest.mark.parametrize("lock", [LOCK, OF_THE_IMAGE], ids=["for developers", "of the image"])
def test_no_package_comes_from_a_url(lock: Path) -> None:
    assert "://" not in lock.read_text()


def test_the_image_holds_what_was_tested() -> None:
    tested = _locked(LOCK)

    assert {name: what for name, what in _locked(OF_THE_IMAGE).items() if tested.get(name) != what} == {}
