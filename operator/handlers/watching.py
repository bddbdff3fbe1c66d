# SPDX-License-Identifier: Apache-2.0
"""Use kopf as an informer only: it lists and watches, and its session handles the events.

A handler of kopf could write finalizers to the user's object, and annotations that repeat the whole spec.
So kopf gets no object.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from smtp_operator.api.names import GROUP, VERSION
from smtp_operator.handlers.event_filter import EventFilter

Activity = Callable[[], Awaitable[None]]
KopfLogin = Callable[[], Awaitable[kopf.ConnectionInfo | kopf.AiohttpSession]]


def build_registry(
    event_filter: EventFilter, *, login: KopfLogin, start: Activity, stop: Activity
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: ``start`` runs before anything is watched, ``stop`` after it.

    The session of ``login`` passes the events to the same ``event_filter``.
    """
    registry = kopf.OperatorRegistry()

    async def on_login(**_: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession:
        return await login()

    async def on_startup(**_: Any) -> None:
        await start()

    async def on_cleanup(**_: Any) -> None:
        await stop()

    kopf.on.login(registry=registry, id="login")(on_login)
    kopf.on.startup(registry=registry, id="start", errors=kopf.ErrorsMode.PERMANENT)(on_startup)
    kopf.on.cleanup(registry=registry, id="stop", errors=kopf.ErrorsMode.PERMANENT)(on_cleanup)
    for plural in event_filter.sinks:  # kopf watches what has a handler
        kopf.on.event(GROUP, VERSION, plural, registry=registry, id=plural.removesuffix("s"))(_on_event)
    return registry


async def _on_event(**_: Any) -> None:
    """Do nothing, because the session shows kopf no event."""
