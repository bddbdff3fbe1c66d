# SPDX-License-Identifier: Apache-2.0
"""Secrets to read."""

from collections.abc import Iterator

import pytest

from smtp_testkit.openbao import OpenBao
from smtp_testkit.simulation import ObjectStore


@pytest.fixture
def store() -> ObjectStore:
    """An empty store."""
    return ObjectStore()


@pytest.fixture(scope="session")
def bao() -> Iterator[OpenBao]:
    """A real OpenBao server; each test has its own paths, roles and policies there."""
    with OpenBao.start() as running:
        yield running
