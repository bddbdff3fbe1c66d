# SPDX-License-Identifier: Apache-2.0
"""A watch that is broken off leaves no connection behind, whatever the API server makes of it."""

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from kubernetes.aio.client.configuration import Configuration

from smtp_operator.cluster.access import Access
from smtp_operator.cluster.client import METADATA, KubernetesClient

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n"


@dataclass(frozen=True)
class Frozen:
    """An API server that begins a watch and then hears nothing more."""

    port: int
    ca_file: Path


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Frozen]:
    ca, over = trustme.CA(), threading.Event()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(ANSWER)
            over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield Frozen(listener.getsockname()[1], tmp_path / "ca.pem")
        over.set()
        thread.join(60)


def test_a_server_that_does_not_return_the_goodbye_of_tls(frozen: Frozen) -> None:
    configuration = Configuration(host=f"https://127.0.0.1:{frozen.port}")
    configuration.ssl_ca_cert = str(frozen.ca_file)
    configuration.client_session_kwargs = {"trust_env": False}

    async def watch_for_a_moment() -> None:
        client = KubernetesClient(Access(configuration, None, "test"))
        path = "/api/v1/configmaps"
        async with client.lines(path, query=[("watch", "true")], accept=METADATA, silence=60) as stream:
            assert await anext(stream) == b"{}\n"
        await client.close()

    asyncio.run(watch_for_a_moment())

    gc.collect()  # a connection that is still open would be a warning, and so a failure
