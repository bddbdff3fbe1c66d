# SPDX-License-Identifier: Apache-2.0
"""``/healthz`` and ``/readyz`` for the kubelet's probes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from smtp_operator.cli.run.http_server import serving
from smtp_operator.setting_parsers import ListenAddress


def health_server(
    address: ListenAddress | None, *, trouble: Callable[[], str | None], is_ready: Callable[[], bool]
) -> AbstractAsyncContextManager[None]:
    """Serves the probes for as long as the block lasts; does nothing without an address.

    Args:
        address: where to listen.
        trouble: what a restart would mend; None: nothing, and /healthz answers 200, else 500.
        is_ready: whether /readyz answers 200, else 503.

    Raises:
        InvalidSetting: when entered; the address cannot be listened on.
    """

    async def healthz(_: web.Request) -> web.Response:
        text = trouble()
        return _answer(200 if text is None else 500, text or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(200, "ok") if is_ready() else _answer(503, "starting")

    return serving("--health-address", address, {"/healthz": healthz, "/readyz": readyz})


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
