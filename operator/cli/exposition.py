# SPDX-License-Identifier: Apache-2.0
"""``/metrics`` for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from smtp_operator.cli.serving import serving
from smtp_operator.settings import Settings

if TYPE_CHECKING:  # what nobody asks for is not loaded: it takes a megabyte
    from smtp_operator.metrics.metrics import Metrics


def metrics_of(settings: Settings, *, leads: Callable[[], bool]) -> Metrics | None:
    """What counts, or None without ``--metrics-address``. ``leads``: whether this process works now."""
    if settings.metrics_address is None:
        return None
    from smtp_operator.metrics.metrics import Metrics

    return Metrics(leads=leads)


def metrics_server(settings: Settings, metrics: Metrics | None) -> AbstractAsyncContextManager[None]:
    """Serves the metrics for as long as the block lasts; does nothing where there are none.

    Raises:
        InvalidSetting: when entered; the address cannot be listened on.
    """
    if metrics is None:
        return nullcontext()
    from prometheus_client.aiohttp import make_aiohttp_handler

    handlers = {"/metrics": make_aiohttp_handler(metrics.registry)}
    return serving("--metrics-address", settings.metrics_address, handlers)
