# SPDX-License-Identifier: Apache-2.0
"""Small servers of plain HTTP: what kubelet and Prometheus ask."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from smtp_operator.setting_values import ListenAddress
from smtp_operator.settings import InvalidSetting


@asynccontextmanager
async def serving(
    flag: str, address: ListenAddress | None, handlers: Mapping[str, Handler]
) -> AsyncIterator[None]:
    """Serves GET of these paths for as long as the block lasts; does nothing without an address.

    Raises:
        InvalidSetting: the address, which that flag gave, cannot be listened on.
    """
    if address is None:
        yield
        return
    application = web.Application()
    application.add_routes([web.get(path, _closing(handler)) for path, handler in handlers.items()])
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host or None, address.port).start()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidSetting(f"{flag}: cannot listen on {address}: {why}") from error
        yield
    finally:
        await runner.cleanup()


def _closing(handler: Handler) -> Handler:
    """kopf waits 5 s for the task of a connection that stays open."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        response.force_close()
        return response

    return handle
