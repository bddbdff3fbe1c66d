# SPDX-License-Identifier: Apache-2.0
"""Use kopf as an informer only: event handlers record changes, and write nothing to the object.

Every other kind of handler would write to the user's object: annotations that repeat the whole spec,
including an inline password, and finalizers. So there is no other kind.
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
    """Receiver of events of one of our kinds. Its methods return at once, because kopf waits for them."""

    def is_relevant(self, object_: JsonObject) -> bool:
        """Return whether the change matters; our own writes and changed labels do not."""
        ...

    def on_change(self, object_: JsonObject) -> None:
        """Handle an object that was created, changed or listed. The caller empties it afterwards."""
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of an object."""
        ...

    def known(self) -> Iterable[tuple[ObjectKey, str]]:
        """Return the known objects that are not deleted, with their uids."""
        ...


def build_registry(
    sinks: Mapping[str, EventSink],
    *,
    served: ServedNamespaces,
    login: KopfLogin,
    start: Activity,
    stop: Activity,
    listed: Callable[[], None],
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: ``start`` runs before anything is watched, ``stop`` after it.

    ``sinks`` receive the objects of a kind, given by its plural, in the namespaces ``served``. ``listed`` is
    called for each object in a listing of kopf; a listing does not show what was deleted before it.
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
    for plural, sink in sinks.items():
        _watch(registry, plural, sink, served, listed)
    return registry


def _watch(
    registry: kopf.OperatorRegistry,
    plural: str,
    sink: EventSink,
    served: ServedNamespaces,
    listed: Callable[[], None],
) -> None:
    def is_relevant(event: kopf.RawEvent, namespace: str | None, **_: Any) -> bool:
        if event["type"] is None:
            listed()
        object_ = _content(event)
        if served.serves(namespace) and (event["type"] == "DELETED" or sink.is_relevant(object_)):
            return True
        object_.clear()
        return False

    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        object_ = _content(event)
        dispatch(sink, event["type"], object_)
        object_.clear()

    # Half of all events report our own writes: filtering them saves kopf from preparing a handler call.
    watch = kopf.on.event(
        GROUP, VERSION, plural, registry=registry, id=plural.removesuffix("s"), when=is_relevant
    )
    watch(on_event)


def _content(event: kopf.RawEvent) -> JsonObject:
    """Return the object itself; the caller clears it after use.

    kopf keeps each object in a reference cycle. Without clearing, all its content (about 40 values an event)
    would stay until the garbage collector has traversed it.
    """
    return cast(JsonObject, event["object"])


def dispatch(sink: EventSink, type_: str | None, object_: JsonObject) -> None:
    """Pass an event to its sink; listed, created and changed objects are handled alike."""
    if type_ == "DELETED":
        metadata = object_["metadata"]
        sink.forget(ObjectKey(metadata.get("namespace", ""), metadata["name"]), metadata["uid"])
    else:
        sink.on_change(object_)
