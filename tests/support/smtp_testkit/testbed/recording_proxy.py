# SPDX-License-Identifier: Apache-2.0
"""A proxy between a client and the API server that records the decrypted traffic."""

import asyncio
import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.listening import stop_listening

_HEAD = re.compile(rb"(?ms)^([A-Z]+) (/\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n")


@dataclass(frozen=True)
class RecordedRequest:
    """Start line and headers of a request."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class _Connection:
    said: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)


class RecordingProxy:
    """Terminates TLS with a separate certificate, forwards everything unchanged; an async context manager."""

    def __init__(self, port: int, ca_file: Path) -> None:
        """Prepare a proxy for the API server on this port of 127.0.0.1 with the CA in `ca_file`."""
        self._target = port
        self._trust = ssl.create_default_context(cafile=ca_file)
        self._ca = trustme.CA()
        self._connections: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0
        self.partitioned = False
        """Whether everything is lost in both directions, without an error; it cannot be undone."""

    @property
    def ca_pem(self) -> bytes:
        """The CA of the proxy's certificate."""
        return self._ca.cert_pem.bytes()

    def asked(self) -> list[RecordedRequest]:
        """Return every request so far; those of one connection are in order."""
        return [
            RecordedRequest(method.decode(), path.decode(), _headers(lines))
            for connection in self._connections
            for method, path, lines in _HEAD.findall(bytes(connection.said))
        ]

    def answered(self) -> bytes:
        """Return all data from the API server."""
        return b"".join(bytes(connection.heard) for connection in self._connections)

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("127.0.0.1").configure_cert(context)
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        await stop_listening(self._listener)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        connection = _Connection()
        self._connections.append(connection)
        there = await asyncio.open_connection("127.0.0.1", self._target, ssl=self._trust)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, there[1], connection.said))
                group.create_task(self._pass_on(there[0], writer, connection.heard))
        except* OSError:
            pass  # one side has gone
        finally:
            writer.transport.abort()
            there[1].transport.abort()

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: bytearray
    ) -> None:
        while data := await source.read(65536):
            record += data
            if not self.partitioned:
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


def _headers(lines: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines.decode().split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


@contextmanager
def recorded(
    kubeconfig: Path, url: str, ca_file: Path, folder: Path
) -> Iterator[tuple[RecordingProxy, Path]]:
    """Start a proxy for an API server, and return it with a copy of the kubeconfig that uses it."""
    with in_thread(RecordingProxy(int(url.rpartition(":")[2]), ca_file)) as proxy:
        config = json.loads(kubeconfig.read_text())
        authority = folder / "proxy-ca.pem"
        authority.write_bytes(proxy.ca_pem)
        server = f"https://127.0.0.1:{proxy.port}"
        config["clusters"][0]["cluster"] = {"server": server, "certificate-authority": str(authority)}
        recorded_kubeconfig = folder / "recorded.kubeconfig"
        recorded_kubeconfig.write_text(json.dumps(config))
        yield proxy, recorded_kubeconfig
