# SPDX-License-Identifier: Apache-2.0
"""``/healthz`` and ``/readyz`` for the kubelet's probes, over plain HTTP."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from smtp_operator.settings import InvalidSetting, ListenAddress


@asynccontextmanager
async def health_server(
    address: ListenAddress | None, *, trouble: Callable[[], str | None], is_ready: Callable[[], bool]
) -> AsyncIterator[None]:
    """Serves the probes for as long as the block lasts; does nothing without an address.

    Args:
        address: where to listen.
        trouble: what a restart would mend; None: nothing, and /healthz answers 200, else 500.
        is_ready: whether /readyz answers 200, else 503.

    Raises:
        InvalidSetting: the address cannot be listened on.
    """
    if address is None:
        yield
        return

    async def healthz(_: web.Request) -> web.Response:
        text = trouble()
        return _answer(200 if text is None else 500, text or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(200, "ok") if is_ready() else _answer(503, "starting")

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host or None, address.port).start()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidSetting(f"--health-address: cannot listen on {address}: {why}") from error
        yield
    finally:
        await runner.cleanup()


def _answer(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=f"{text}\n")
    response.force_close()  # kopf waits 5 s for the task of a connection that stays open
    return response
