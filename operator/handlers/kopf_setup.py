# SPDX-License-Identifier: Apache-2.0
"""Set up kopf: its settings, its connection to the API server, and its logging."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import kopf

from smtp_operator.cluster.access import Access
from smtp_operator.cluster.long_objects import LongObjects
from smtp_operator.cluster.traffic import ApiTraffic, Uncounted
from smtp_operator.handlers.bounded_session import bounded_session
from smtp_operator.handlers.event_filter import EventFilter

_RELOGIN: Final = timedelta(minutes=10)
"""Interval for reading the ServiceAccount's token, which changes about every hour."""

_log: Final = logging.getLogger(__name__)


def informer_settings() -> kopf.OperatorSettings:
    """Return settings without peering, scanning, Events and threads; kopf only lists and watches."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # otherwise a foreign peering object pauses the operator
    settings.scanning.disabled = True  # so that no permission for CRDs and namespaces is needed
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70  # bookmarks come once a minute
    settings.watching.chunk_size = 25
    settings.watching.initial_streaming = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    # About 90 seconds outlast a restart of the API server; after that, exiting is better than hanging.
    settings.networking.error_backoffs = (1, 2, 3, 5, 8, 13, 21, 34)
    settings.networking.enforce_retry_after = True
    settings.networking.trust_env = False
    settings.process.ultimate_exiting_timeout = 25  # a Pod is killed after 30
    return settings


async def log_in(
    access: Access, event_filter: EventFilter, traffic: ApiTraffic | None = None
) -> kopf.AiohttpSession:
    """Return a session for kopf with the current credentials of our own client.

    ``traffic`` counts the objects of which most was left unread.
    """
    await access.renew()
    authorization = await access.authorization()
    return kopf.AiohttpSession(
        server=access.configuration.host,
        aiohttp_session=bounded_session(
            access, authorization, LongObjects(traffic or Uncounted()), event_filter
        ),
        expiration=datetime.now(UTC) + _RELOGIN if authorization else None,
    )


class _Filtered(logging.Handler):
    """Forward kopf's log records without tracebacks and without anything that could be an object."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().partition("{")[0].strip()
        _log.log(record.levelno, "%s", text.splitlines()[0] if text else record.name)


def quieten_kopf() -> None:
    """Let only kopf's warnings through at every log level: below that, kopf logs whole objects."""
    logger = logging.getLogger("kopf")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.handlers[:] = [_Filtered()]
    # The cause of a failed start is logged once, at the end; kopf's note on skipped cleanup adds nothing.
    logging.getLogger("kopf.activities").setLevel(logging.CRITICAL)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def mute_kopf() -> None:
    """Suppress kopf's log: when it stops, it complains about tasks that it canceled itself."""
    logging.getLogger("kopf").setLevel(logging.CRITICAL)


def silence_kopf() -> None:
    """Suppress kopf's log, and errors of the tasks that it left."""
    mute_kopf()
    asyncio.get_running_loop().set_exception_handler(_left_behind)


def _left_behind(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _log.debug("left over at exit: %s", str(context.get("message")).partition("\n")[0])
