# SPDX-License-Identifier: Apache-2.0
"""The attacks of the benchmark are the documented ones, and its servers really attack."""

import socket
import ssl

from smtp_tools.bench import hostile
from smtp_tools.bench.attacks import ATTACKS, LIMIT_MEGABYTES
from smtp_tools.bench.sections import SECTIONS


def test_each_attack_has_a_separate_row() -> None:
    rows = [str(attack.__doc__) for attack in ATTACKS]
    assert len(set(rows)) == len(rows)
    assert all(row.endswith(".") for row in rows)
    assert "attacks" in SECTIONS


def test_the_limit_is_that_of_the_deployment() -> None:
    assert round(LIMIT_MEGABYTES, 1) == 268.4


def test_bundles_are_as_long_as_wanted_and_of_many_certificates() -> None:
    pem = hostile.certificates(20_000)
    assert 20_000 <= len(pem) < 21_000
    assert pem.count("BEGIN CERTIFICATE") > 30


def test_headers_are_long() -> None:
    with hostile.LongHeaders() as server:
        context = ssl.create_default_context(cadata=server.ca_pem)
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            client.sendall(b"POST /token HTTP/1.1\r\n\r\n")
            received = 0
            while received < 10_000_000:
                received += len(client.recv(65536))


def test_replies_are_hard_and_segments_small() -> None:
    with hostile.HardReplies() as server, hostile.connection(server.port) as client:
        assert client.recv(9) == b"554-5.7.1"
    with hostile.Segments() as slow, hostile.connection(slow.port) as client:
        assert client.recv(1) == b"2"
