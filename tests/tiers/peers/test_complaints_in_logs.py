# SPDX-License-Identifier: Apache-2.0
"""Mail servers of other authors complain in their logs only where the dialogue makes it unavoidable."""

import socket

import pytest

from smtp_testkit.realpeers.servers import FURTHER, REQUIRED, PeerServer
from smtp_testkit.realpeers.servers.exim import Exim
from smtp_testkit.realpeers.servers.scenarios import complaints, observe, unexpected

Complaints = dict[str, dict[str, list[str]]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        servers = (*REQUIRED, *FURTHER) if metafunc.config.getoption("--all-servers") else REQUIRED
        metafunc.parametrize("kind", servers, ids=[server.name for server in servers])


def test_the_log_has_only_unavoidable_complaints(
    kind: type[PeerServer], complaints_by_server: Complaints
) -> None:
    server = kind()
    server.fetch()

    complaints_by_server[server.name] = observe(server)

    assert unexpected(server, complaints_by_server[server.name]) == {}


def test_a_client_that_sends_no_command_is_complained_of() -> None:
    """The count would be worthless if the servers did not complain, or complaints were not recognized."""
    with (
        Exim().serve() as served,
        socket.create_connection(("127.0.0.1", served.ports["start_tls"])) as client,
    ):
        assert client.recv(1024).startswith(b"220 ")
        client.sendall(b"\x16\x03\x01\r\n")
        assert client.recv(1024).startswith(b"500 ")

    assert any("syntax error" in line for line in complaints(served.log)), served.log
