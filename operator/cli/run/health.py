# SPDX-License-Identifier: Apache-2.0
"""``/healthz`` and ``/readyz`` for the kubelet's probes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from smtp_operator.cli.run.http_server import serving
from smtp_operator.setting_parsers import ListenAddress


def health_server(
    address: ListenAddress | None, *, failed_part: Callable[[], str | None], is_ready: Callable[[], bool]
) -> AbstractAsyncContextManager[None]:
    """Serve the probes during the block; do nothing without an address.

    Args:
        address: the address to listen on.
        failed_part: returns the failed component that a restart would fix, and /healthz answers 500;
            None: /healthz answers 200.
        is_ready: returns whether /readyz answers 200, else 503.

    Raises:
        InvalidSetting: on entry, if the server cannot listen on the address.
    """

    async def healthz(_: web.Request) -> web.Response:
        text = failed_part()
        return _response(200 if text is None else 500, text or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return _response(200, "ok") if is_ready() else _response(503, "starting")

    return serving("--health-address", address, {"/healthz": healthz, "/readyz": readyz})


def _response(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
