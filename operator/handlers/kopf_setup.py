# SPDX-License-Identifier: Apache-2.0
"""How kopf is set up: its settings, its way to the API server, and its silence."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import kopf

from smtp_operator.cluster.access import Access
from smtp_operator.cluster.long_objects import LongObjects
from smtp_operator.cluster.traffic import ApiTraffic, Uncounted
from smtp_operator.handlers.bounded_session import bounded_session

_RELOGIN: Final = timedelta(minutes=10)
"""A ServiceAccount's token changes about every hour, so that it is read again well before."""

_log: Final = logging.getLogger(__name__)


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf compares states for handlers of changes, by deep copies; ours are of events alone."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None
    ) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return kopf.BodyEssence()

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is ever written onto the user's object."""


class _NoProgress(kopf.ProgressStorage):
    """As with ``_NoDiffs``: handlers of events have no progress."""

    def fetch(self, *, key: kopf.HandlerId, body: kopf.Body) -> kopf.ProgressRecord | None:
        return None

    def store(
        self, *, key: kopf.HandlerId, record: kopf.ProgressRecord, body: kopf.Body, patch: kopf.Patch
    ) -> None:
        """Nothing is ever written onto the user's object."""

    def purge(self, *, key: kopf.HandlerId, body: kopf.Body, patch: kopf.Patch) -> None:
        """There is nothing to remove."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Nothing is ever written onto the user's object."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def informer_settings() -> kopf.OperatorSettings:
    """No peering, no scanning, no Events, no threads: what is left is a list and a watch."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # else a stranger's peering object pauses us
    settings.scanning.disabled = True  # no permission for CRDs and namespaces is needed
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 70  # bookmarks come once a minute
    settings.watching.chunk_size = 25
    settings.watching.initial_streaming = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    # Some 90 seconds ride over a restart of the API server; after that a crash is better than a zombie.
    settings.networking.error_backoffs = (1, 2, 3, 5, 8, 13, 21, 34)
    settings.networking.enforce_retry_after = True
    settings.networking.trust_env = False
    settings.queueing.worker_limit = None
    # For as long a worker keeps the last object it saw, and a listing starts one for each object.
    settings.queueing.idle_timeout = 0.1
    settings.execution.max_workers = 4
    settings.process.ultimate_exiting_timeout = 25  # a Pod is killed after 30
    return settings


async def log_in(access: Access, traffic: ApiTraffic | None = None) -> kopf.AiohttpSession:
    """A session for kopf, with the credentials of our own client as they are now.

    ``traffic`` is told of objects of which most was left unread.
    """
    await access.renew()
    authorization = await access.authorization()
    return kopf.AiohttpSession(
        server=access.configuration.host,
        aiohttp_session=bounded_session(access, authorization, LongObjects(traffic or Uncounted())),
        expiration=datetime.now(UTC) + _RELOGIN if authorization else None,
    )


class _Filtered(logging.Handler):
    """Passes kopf's records on without anything that could be an object, and without tracebacks."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().partition("{")[0].strip()
        _log.log(record.levelno, "%s", text.splitlines()[0] if text else record.name)


def quieten_kopf() -> None:
    """Lets only kopf's warnings through, whatever the log level: at others it logs whole objects."""
    logger = logging.getLogger("kopf")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.handlers[:] = [_Filtered()]
    # What a start failed of is told once, at the end; that a cleanup is left out then goes without saying.
    logging.getLogger("kopf.activities").setLevel(logging.CRITICAL)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def mute_kopf() -> None:
    """Lets nothing more of kopf through: as it ends it complains of what it broke off itself."""
    logging.getLogger("kopf").setLevel(logging.CRITICAL)


def silence_kopf() -> None:
    """That, and nothing of what it left behind."""
    mute_kopf()
    asyncio.get_running_loop().set_exception_handler(_left_behind)


def _left_behind(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    _log.debug("left behind at the end: %s", str(context.get("message")).partition("\n")[0])
