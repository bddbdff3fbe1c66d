# SPDX-License-Identifier: Apache-2.0
"""``/metrics`` for Prometheus."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from aiohttp import web

from smtp_operator.cli.run.http_server import serving
from smtp_operator.settings import Settings

if TYPE_CHECKING:  # loaded only if used: it takes a megabyte
    from prometheus_client import CollectorRegistry

    from smtp_operator.metrics.registry import Metrics

_PAUSE: Final = 4.0
"""Pause after a rendering, as a multiple of its time: renderings take at most a fifth of the time."""
_OPEN_METRICS: Final = "application/openmetrics-text"


class SharedExposition:
    """Renders the metrics once for all waiting requests, and pauses between two renderings.

    With 5,000 objects, a rendering blocks the event loop for a tenth of a second, and any client that can
    connect can request one. No response is older than its request.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Render nothing yet; ``clock`` and ``sleep`` are in seconds."""
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._not_before = 0.0
        self._rendered: dict[tuple[bool, bool], tuple[float, bytes, dict[str, str]]] = {}
        """Start time, body and headers by format and compression, while requests wait."""

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        requested = self._clock()
        open_metrics = _OPEN_METRICS in request.headers.get("Accept", "")
        compressed = "gzip" in request.headers.get("Accept-Encoding", "")
        self._waiting += 1
        try:
            async with self._lock:
                started, body, headers = self._rendered.get((open_metrics, compressed), (-1.0, b"", {}))
                if started < requested:
                    await self._sleep(max(self._not_before - self._clock(), 0))
                    started = self._clock()
                    body, headers = self._render(open_metrics, compressed)
                    self._rendered[open_metrics, compressed] = started, body, headers
                    self._not_before = self._clock() + (self._clock() - started) * _PAUSE
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._rendered.clear()
        return web.Response(body=body, headers=headers)

    def _render(self, open_metrics: bool, compressed: bool) -> tuple[bytes, dict[str, str]]:
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(_OPEN_METRICS if open_metrics else "")
        body, headers = encode(self._registry), {"Content-Type": content_type}
        if compressed:
            return gzip.compress(body, compresslevel=1), headers | {"Content-Encoding": "gzip"}
        return body, headers


def metrics_of(settings: Settings, *, leads: Callable[[], bool]) -> Metrics | None:
    """Return the metrics; None without ``--metrics-address``.

    ``leads`` returns whether this process is the active replica.
    """
    if settings.metrics_address is None:
        return None
    from smtp_operator.metrics.registry import Metrics

    return Metrics(leads=leads, object_names=settings.metrics_object_names)


def metrics_server(settings: Settings, metrics: Metrics | None) -> AbstractAsyncContextManager[None]:
    """Serve the metrics during the block; do nothing without metrics.

    Raises:
        InvalidSetting: on entry, if the server cannot listen on the address.
    """
    if metrics is None:
        return nullcontext()
    handlers = {"/metrics": SharedExposition(metrics.registry).handle}
    return serving("--metrics-address", settings.metrics_address, handlers)
