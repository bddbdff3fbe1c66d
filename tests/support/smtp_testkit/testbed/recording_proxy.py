# SPDX-License-Identifier: Apache-2.0
"""A proxy between a client and the API server: records the decrypted traffic, and can hold a request."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.listening import stop_listening


@dataclass(frozen=True)
class RecordedRequest:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Barrier:
    """Hold the first request that ``holds`` accepts, or its response, and call ``reached`` instead."""

    holds: Callable[[RecordedRequest], bool]
    reached: Callable[[], None]
    answered: bool = False
    """Whether the API server receives the request, and only the response is held."""


@dataclass
class _Connection:
    heard: bytearray = field(default_factory=bytearray)
    barrier: Barrier | None = None
    """The barrier that holds the next response."""


class RecordingProxy:
    """Terminates TLS with a separate certificate, forwards everything unchanged; an async context manager."""

    def __init__(self, port: int, ca_file: Path) -> None:
        """Prepare a proxy for the API server on this port of 127.0.0.1 with the CA in `ca_file`."""
        self._target = port
        self._trust = ssl.create_default_context(cafile=ca_file)
        self._ca = trustme.CA()
        self._connections: list[_Connection] = []
        self._requests: list[RecordedRequest] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0
        self.partitioned = False
        """Whether everything is lost in both directions, without an error; it cannot be undone."""
        self.barrier: Barrier | None = None
        """Hold the next request that it accepts; None afterwards."""

    @property
    def ca_pem(self) -> bytes:
        """The CA of the proxy's certificate."""
        return self._ca.cert_pem.bytes()

    def asked(self) -> list[RecordedRequest]:
        """Return every request so far; those of one connection are in order."""
        return list(self._requests)

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
                group.create_task(self._pass_requests(reader, there[1], connection))
                group.create_task(self._pass_responses(there[0], writer, connection))
        except* OSError:
            pass  # one side has gone
        finally:
            writer.transport.abort()
            there[1].transport.abort()

    async def _pass_requests(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        with suppress(asyncio.IncompleteReadError):  # the end of the connection
            while True:
                head = await source.readuntil(b"\r\n\r\n")
                request = await _read_request(head, source)
                self._requests.append(request)
                barrier = self.barrier
                if barrier is not None and barrier.holds(request):
                    self.barrier = None
                    if not barrier.answered:
                        barrier.reached()
                        break
                    connection.barrier = barrier
                if not self.partitioned:
                    sink.write(head + request.body)
                    await sink.drain()
        sink.transport.abort()

    async def _pass_responses(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        while data := await source.read(65536):
            connection.heard += data
            if connection.barrier is not None:
                connection.barrier.reached()
                break
            if not self.partitioned:
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


async def _read_request(head: bytes, source: asyncio.StreamReader) -> RecordedRequest:
    first, *lines = head.decode().rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await source.readexactly(int(headers.get("content-length", "0")))
    return RecordedRequest(method, path, headers, body)


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
