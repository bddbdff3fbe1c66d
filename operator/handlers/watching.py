# SPDX-License-Identifier: Apache-2.0
"""Use kopf as an informer only: event handlers record changes, and write nothing to the object.

Every other kind of handler would write to the user's object: annotations that repeat the whole spec,
including an inline password, and finalizers. So there is no other kind.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import kopf

from smtp_operator.api.names import GROUP, VERSION
from smtp_operator.api.objects import JsonObject
from smtp_operator.handlers.event_filter import EventFilter

Activity = Callable[[], Awaitable[None]]
KopfLogin = Callable[[], Awaitable[kopf.ConnectionInfo | kopf.AiohttpSession]]


def build_registry(
    event_filter: EventFilter, *, login: KopfLogin, start: Activity, stop: Activity
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: ``start`` runs before anything is watched, ``stop`` after it.

    The session of ``login`` reads events through the same ``event_filter``.
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
    for plural in event_filter.sinks:
        _watch(registry, plural, event_filter)
    return registry


def _watch(registry: kopf.OperatorRegistry, plural: str, event_filter: EventFilter) -> None:
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        # kopf keeps each object in a reference cycle. Without clearing, all its content (about 40 values an
        # event) would stay until the garbage collector has traversed it.
        object_ = cast(JsonObject, event["object"])
        try:
            event_filter.handle(plural, event["type"], object_)
        finally:
            object_.clear()

    kopf.on.event(GROUP, VERSION, plural, registry=registry, id=plural.removesuffix("s"))(on_event)
