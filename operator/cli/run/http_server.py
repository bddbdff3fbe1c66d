# SPDX-License-Identifier: Apache-2.0
"""Small plain HTTP servers, for the kubelet and Prometheus."""

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


def _is_no_client_error(record: logging.LogRecord) -> bool:
    """Drop records of invalid HTTP: any client that can connect could fill the log with them."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_is_no_client_error)


@asynccontextmanager
async def serving(
    flag: str,
    address: ListenAddress | None,
    handlers: Mapping[str, Handler],
    *,
    limits: ServingLimits = LIMITS,
) -> AsyncIterator[None]:
    """Serve GET of these paths during the block; do nothing without an address.

    Raises:
        InvalidSetting: the server cannot listen on the address of ``flag``.
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
