# SPDX-License-Identifier: Apache-2.0
"""The pictures of the documentation are small, and pages show them; the browser tier writes them."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images"
LARGEST = 150_000


def test_pages_show_each_picture_with_a_text_instead_of_it() -> None:
    """A picture that a page shows and that does not exist fails `make docs`."""
    texts = [it.read_text() for it in DOCS.rglob("*.md")]
    shown = {name for text in texts for name in re.findall(r"!\[[^\]]{20,}\]\(\.\./images/([^)]+)\)", text)}
    stored = {it.name for it in IMAGES.iterdir()}
    assert stored == shown
    assert len(stored) >= 4


def test_each_picture_is_small() -> None:
    assert [it.name for it in IMAGES.iterdir() if it.stat().st_size > LARGEST] == []
