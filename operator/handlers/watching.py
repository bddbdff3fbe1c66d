# SPDX-License-Identifier: Apache-2.0
"""kopf as an informer and nothing else: handlers of events take note, and leave nothing on the object.

Every other kind of handler would write to the user's object (annotations that repeat the whole spec, inline
password included; finalizers), so there is none.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, cast

import kopf

from smtp_operator.api.names import GROUP, VERSION
from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.setting_parsers import ServedNamespaces

Activity = Callable[[], Awaitable[None]]
KopfLogin = Callable[[], Awaitable[kopf.ConnectionInfo | kopf.AiohttpSession]]


class EventSink(Protocol):
    """Who is told of the objects of one kind of ours. It only takes note: kopf waits for it."""

    def is_relevant(self, object_: JsonObject) -> bool:
        """Whether anything of it matters: not so of our own writes, nor of somebody's label."""
        ...

    def on_change(self, object_: JsonObject) -> None:
        """One was created or changed, or stood in a listing. It is emptied afterwards."""
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """One was deleted."""
        ...

    def known(self) -> Iterable[tuple[ObjectKey, str]]:
        """Those that it was told of and that are not deleted as far as it knows, with their uids."""
        ...


def build_registry(
    inboxes: Mapping[str, EventSink],
    *,
    served: ServedNamespaces,
    login: KopfLogin,
    start: Activity,
    stop: Activity,
    listed: Callable[[], None],
) -> kopf.OperatorRegistry:
    """Handlers for kopf: ``start`` before anything is watched, ``stop`` after it.

    ``inboxes`` are by the plural of the kind that each is told of, of the namespaces ``served``. ``listed``
    is called for each object that stands in a listing of kopf's, which says nothing of what was deleted
    before it.
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
    for plural, inbox in inboxes.items():
        _watch(registry, plural, inbox, served, listed)
    return registry


def _watch(
    registry: kopf.OperatorRegistry,
    plural: str,
    inbox: EventSink,
    served: ServedNamespaces,
    listed: Callable[[], None],
) -> None:
    def is_news(event: kopf.RawEvent, namespace: str | None, **_: Any) -> bool:
        if event["type"] is None:
            listed()
        object_ = _content(event)
        if served.serves(namespace) and (event["type"] == "DELETED" or inbox.is_relevant(object_)):
            return True
        object_.clear()
        return False

    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        object_ = _content(event)
        dispatch(inbox, event["type"], object_)
        object_.clear()

    # Half of all events tell of our own writes: to filter them spares kopf to prepare a call of the handler.
    watch = kopf.on.event(
        GROUP, VERSION, plural, registry=registry, id=plural.removesuffix("s"), when=is_news
    )
    watch(on_event)


def _content(event: kopf.RawEvent) -> JsonObject:
    """The object itself, to be cleared after use.

    kopf keeps each one in a circle of references, so that all of it would stay until the garbage collector
    comes by, and be looked through by it: some 40 values an event.
    """
    return cast(JsonObject, event["object"])


def dispatch(inbox: EventSink, type_: str | None, object_: JsonObject) -> None:
    """Passes an event on; the types of listed, created and changed objects make no difference."""
    if type_ == "DELETED":
        metadata = object_["metadata"]
        inbox.forget(ObjectKey(metadata.get("namespace", ""), metadata["name"]), metadata["uid"])
    else:
        inbox.on_change(object_)
