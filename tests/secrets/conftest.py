# SPDX-License-Identifier: Apache-2.0
"""Secrets to read."""

import pytest

from simulation import Shelf


@pytest.fixture
def shelf() -> Shelf:
    """Nothing lies on it yet."""
    return Shelf()
