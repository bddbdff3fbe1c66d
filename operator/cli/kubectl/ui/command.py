# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp ui``: serve the page on this machine until Ctrl-C, or 30 minutes without a page."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from aiohttp import web

from smtp_operator.api.errors import ApiUnavailable, ClusterError
from smtp_operator.cli.exit_codes import PASSED
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.results import show
from smtp_operator.cli.kubectl.ui.inventory import Inventory
from smtp_operator.cli.kubectl.ui.security import Session
from smtp_operator.cli.kubectl.ui.server import PageInfo, PageServer
from smtp_operator.cli.streams import write
from smtp_operator.cluster.client import KubernetesClient

IDLE_SECONDS: Final = 30 * 60.0
"""Time without an open page after which the command ends."""

_CHECK_SECONDS: Final = 5.0
_HOST: Final = "127.0.0.1"
_REDIRECT: Final = """\
<!doctype html><meta charset="utf-8"><title>Manage SMTP</title>
<meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Open Manage SMTP</a>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """The flags of the command."""

    namespace: str
    """The default namespace."""
    all_namespaces: bool = False
    read_only: bool = False
    port: int = 0
    browser: bool = True


async def run_page(
    client: KubernetesClient,
    options: PageOptions,
    environment: Mapping[str, str],
    *,
    idle_seconds: float = IDLE_SECONDS,
) -> int:
    """Serve the page, print its URL, open the browser, and return the exit code at the end.

    Raises:
        PluginFailed: the port is in use.
        ApiUnavailable: the API server does not answer.
    """
    stop = asyncio.Event()
    with _signals(stop.set):
        async with serving(client, options) as page:
            show(f"{page.session.url}\n")
            scope = "all namespaces" if options.all_namespaces else f"namespace {options.namespace}"
            write(
                sys.stderr,
                f"Manage SMTP: {scope}{', read-only' if options.read_only else ''}. The link works once."
                " Stop with Ctrl-C.\n",
            )
            with contextlib.ExitStack() as stack:
                if options.browser and _has_browser(environment):
                    stack.enter_context(_opened(page))
                reason = await _end(page, stop, idle_seconds)
    write(sys.stderr, reason)
    return PASSED


@dataclass(frozen=True, slots=True)
class ServedPage:
    """A running server."""

    session: Session
    inventory: Inventory
    server: PageServer
    following: asyncio.Task[None]
    """Keeps the rows up to date; never ends without an error."""


@asynccontextmanager
async def serving(client: KubernetesClient, options: PageOptions) -> AsyncIterator[ServedPage]:
    """Serve the page during the block.

    Raises:
        PluginFailed: the port is in use.
        ApiUnavailable: the API server does not answer.
    """
    try:
        listener = socket.create_server((_HOST, options.port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise PluginFailed(f"--port: cannot listen on {_HOST}:{options.port}: {why}") from error
    with listener:
        session = Session(listener.getsockname()[1])
        inventory = Inventory(client, None if options.all_namespaces else options.namespace)
        info = PageInfo(
            server=client.server,
            user=await _user(client),
            namespace=options.namespace,
            all_namespaces=options.all_namespaces,
            read_only=options.read_only,
            version=version("smtp-operator"),
        )
        server = PageServer(client, inventory, session, info)
        runner = web.AppRunner(
            server.application(),
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,  # a closed page ends its test
            shutdown_timeout=1.0,
        )
        await runner.setup()
        following = asyncio.create_task(inventory.run())
        try:
            await web.SockSite(runner, listener).start()
            yield ServedPage(session, inventory, server, following)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await server.stop()
            await runner.cleanup()


async def _user(client: KubernetesClient) -> str:
    try:
        return await client.identity()
    except ApiUnavailable:
        raise
    except ClusterError:
        return "unknown"


async def _end(page: ServedPage, stop: asyncio.Event, idle_seconds: float) -> str:
    """Wait for the end; return why it came, as a line for the user. Raises the error of ``following``."""
    clock = asyncio.get_running_loop().time
    last = clock()
    while True:
        try:
            async with asyncio.timeout(min(_CHECK_SECONDS, idle_seconds)):
                await stop.wait()
        except TimeoutError:
            if page.following.done():
                page.following.result()
            if page.inventory.pages:
                last = clock()
            elif clock() - last >= idle_seconds:
                return f"No page was open for {round(idle_seconds / 60)} minutes: stopped.\n"
        else:
            return "Stopped.\n"


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on Ctrl-C and SIGTERM during the block, where the platform supports it."""
    loop, added = asyncio.get_running_loop(), []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop)
            added.append(number)
    try:
        yield
    finally:
        for number in added:
            loop.remove_signal_handler(number)


def _has_browser(environment: Mapping[str, str]) -> bool:
    """Return whether a browser can show the page: one in the terminal cannot."""
    if sys.platform in ("darwin", "win32") or environment.get("BROWSER"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


@contextmanager
def _opened(page: ServedPage) -> Iterator[None]:
    """Open the browser by a file that only this user can read.

    Other users of the machine can read the browser's arguments, and with them a URL with the token.
    """
    with tempfile.TemporaryDirectory(prefix="smtp-operator-ui-") as folder:  # mode 0700
        file = Path(folder, "open.html")
        file.write_text(_REDIRECT.format(url=page.session.url), encoding="utf-8")
        opening = asyncio.get_running_loop().run_in_executor(None, webbrowser.open, file.as_uri())
        opening.add_done_callback(lambda done: done.exception())
        yield
