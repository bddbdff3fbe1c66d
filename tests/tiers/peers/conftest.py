# SPDX-License-Identifier: Apache-2.0
"""Postfix, Dovecot and swaks for the tests of this folder. If they are missing, every test here fails."""

import socket
from collections.abc import Iterator

import pytest

from smtp_testkit.mailpeers.trial import Trial
from smtp_testkit.realpeers import RealPeers


@pytest.fixture(scope="session")
def peers() -> Iterator[RealPeers]:
    """Servers for the whole run."""
    with RealPeers.start() as running:
        yield running


@pytest.fixture
def trial() -> Trial:
    """A trial of our engine."""
    return Trial()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A reserved port without a listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
