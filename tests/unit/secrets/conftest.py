# SPDX-License-Identifier: Apache-2.0
"""Secrets to read."""

from collections.abc import Iterator

import pytest

from smtp_testkit.openbao import OpenBao
from smtp_testkit.simulation import Shelf


@pytest.fixture
def shelf() -> Shelf:
    """Nothing lies on it yet."""
    return Shelf()


@pytest.fixture(scope="session")
def bao() -> Iterator[OpenBao]:
    """A real OpenBao server; each test has paths, roles and policies of its own there."""
    with OpenBao.start() as running:
        yield running
