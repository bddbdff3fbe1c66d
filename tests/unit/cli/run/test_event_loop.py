# SPDX-License-Identifier: Apache-2.0
"""The event loop of the operator ends immediately, also with open connections, with and without uvloop."""

import asyncio
import importlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress

import aiohttp
import pytest
import trustme

from smtp_operator.cli.run import event_loop

RunInLoop = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture(params=["uvloop", "asyncio"])
def run_in_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunInLoop]:
    """Run work in a loop of this package; asyncio's loop if uvloop cannot be imported."""
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    module = importlib.reload(event_loop)
    yield module.run_in_loop
    monkeypatch.undo()
    importlib.reload(event_loop)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def url(authority: trustme.CA) -> Iterator[str]:
    """A server that starts a response, as to a watch, and then ignores the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            accepted, _ = listener.accept()
            with context.wrap_socket(accepted, server_side=True) as client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                ended.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        ended.set()
        thread.join()


async def watch(url: str, authority: trustme.CA) -> None:
    """Start a watch and cancel it."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(url) as response,
    ):
        assert response.status == 200


def test_uvloop_is_used_if_it_is_installed(run_in_loop: RunInLoop, request: pytest.FixtureRequest) -> None:
    loops = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())

    run_in_loop(work())
    assert (
        type(loops[0]).__mro__[1].__module__.partition(".")[0] == request.node.callspec.params["run_in_loop"]
    )


def test_a_canceled_watch_does_not_delay_the_end(
    run_in_loop: RunInLoop, url: str, authority: trustme.CA
) -> None:
    run_in_loop(watch(url, authority))


def test_errors_of_the_work_are_raised(run_in_loop: RunInLoop, url: str, authority: trustme.CA) -> None:
    async def work() -> None:
        await watch(url, authority)
        raise LookupError("the work's own")

    with pytest.raises(LookupError, match="the work's own"):
        run_in_loop(work())


def test_the_work_can_be_canceled(run_in_loop: RunInLoop) -> None:
    async def work() -> None:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        run_in_loop(work())
