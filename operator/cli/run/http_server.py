# SPDX-License-Identifier: Apache-2.0
"""Small servers of plain HTTP: what kubelet and Prometheus ask."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from smtp_operator.cli.run.connection_guard import ConnectionGuard, ServingLimits
from smtp_operator.setting_parsers import ListenAddress
from smtp_operator.settings import InvalidSetting

LIMITS: Final = ServingLimits()
_log: Final = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what is no HTTP: anyone who can connect could fill the log with it."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_is_ours)


@asynccontextmanager
async def serving(
    flag: str,
    address: ListenAddress | None,
    handlers: Mapping[str, Handler],
    *,
    limits: ServingLimits = LIMITS,
) -> AsyncIterator[None]:
    """Serve GET of these paths for as long as the block lasts; do nothing without an address.

    Raises:
        InvalidSetting: the address, which that flag gave, cannot be listened on.
    """
    if address is None:
        yield
        return
    guards: list[ConnectionGuard] = []

    def bounded(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            guards[0].request_read(request.transport)
            response = await handler(request)
            response.force_close()  # kopf waits 5 s for the task of a connection that stays open
            return response

        return handle

    application = web.Application()
    application.add_routes([web.get(path, bounded(handler)) for path, handler in handlers.items()])
    runner = web.AppRunner(application, access_log=None, handle_signals=False, logger=_log)
    await runner.setup()
    try:
        assert runner.server is not None
        guards.append(ConnectionGuard(runner.server, limits))
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(guards[0], address.host or None, address.port)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidSetting(f"{flag}: cannot listen on {address}: {why}") from error
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()
