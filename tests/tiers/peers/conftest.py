# SPDX-License-Identifier: Apache-2.0
"""The servers for the tests of this folder. If they are missing, every test here fails."""

import socket
from collections.abc import Iterator
from typing import Final

import pytest

from smtp_testkit.mailpeers.trial import Trial
from smtp_testkit.realpeers import RealPeers
from smtp_testkit.realpeers.mailboxes import RealMailboxes
from smtp_testkit.realpeers.servers.scenarios import table

_COMPLAINTS: Final = pytest.StashKey[dict[str, dict[str, list[str]]]]()
_DELIVERIES: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make test-peers-all`."""
    parser.addoption("--all-servers", action="store_true", help="also run the servers of test-peers-all")


@pytest.fixture
def complaints_by_server(pytestconfig: pytest.Config) -> dict[str, dict[str, list[str]]]:
    """The complaints for each server and scenario; the run ends with a table of their number."""
    return pytestconfig.stash.setdefault(_COMPLAINTS, {})


@pytest.fixture(scope="session")
def table_of_deliveries(pytestconfig: pytest.Config) -> list[str]:
    """The rows of the table of delivery tests, with which the run ends."""
    return pytestconfig.stash.setdefault(_DELIVERIES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the tables."""
    found = config.stash.get(_COMPLAINTS, {})
    if found:
        terminalreporter.section("complaints in the logs of mail servers")
        terminalreporter.write_line("\n".join(table(found)))
    rows = config.stash.get(_DELIVERIES, [])
    if rows:
        terminalreporter.section("delivery tests")
        header = ["| situation | condition | message | seconds |", "| --- | --- | --- | --- |"]
        terminalreporter.write_line("\n".join([*header, *rows]))


@pytest.fixture(scope="session")
def peers() -> Iterator[RealPeers]:
    """Servers for the whole run."""
    with RealPeers.start() as running:
        yield running


@pytest.fixture(scope="session")
def mailboxes() -> Iterator[RealMailboxes]:
    """Mailboxes for the whole run."""
    with RealMailboxes.start() as running:
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
