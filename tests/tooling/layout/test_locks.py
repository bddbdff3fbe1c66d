# SPDX-License-Identifier: Apache-2.0
"""Every installed package has a fixed version and hash, also in the image."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "requirements.lock"
OF_THE_IMAGE = ROOT / "deploy" / "image" / "requirements.lock"
OF_THE_PLUGIN = ROOT / "deploy" / "krew" / "requirements.lock"
LOCKS = {"for developers": LOCK, "of the image": OF_THE_IMAGE, "of the plug-in": OF_THE_PLUGIN}


def _locked(lock: Path) -> dict[str, str]:
    """Return each requirement with its hashes, by name."""
    blocks = re.findall(r"^([a-z0-9][^=\s]*)(==(?:.*\\\n)*.*)$", lock.read_text(), re.MULTILINE)
    return dict(blocks)


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_every_package_has_a_version_and_hashes(lock: Path) -> None:
    locked = _locked(lock)

    assert locked
    assert [name for name, what in locked.items() if "--hash=sha256:" not in what] == []


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_no_package_comes_from_a_url(lock: Path) -> None:
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", [OF_THE_IMAGE, OF_THE_PLUGIN], ids=["the image", "the plug-in"])
def test_what_is_released_holds_what_was_tested(lock: Path) -> None:
    tested = _locked(LOCK)

    assert {name: what for name, what in _locked(lock).items() if tested.get(name) != what} == {}
