# SPDX-License-Identifier: Apache-2.0
"""Select the events that matter while they are read, because kopf spends a task and a call on each event.

Half of all changes are our own writes of a status, and a listing repeats objects that are already known.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.setting_parsers import ServedNamespaces


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


class EventFilter:
    """Passes the events of served namespaces that matter to the sinks of their kinds."""

    def __init__(
        self,
        sinks: Mapping[str, EventSink],
        *,
        served: ServedNamespaces,
        listed: Callable[[], None],
    ) -> None:
        """Create a filter.

        Args:
            sinks: receive the objects of a kind, given by its plural.
            served: namespaces whose events pass.
            listed: called for each page of a listing; it does not show what was deleted before it.
        """
        self.sinks = sinks
        self._served = served
        self._listed = listed
        self._passed: dict[str, str] = {}
        """Newest version that kopf has received and not yet handled, by uid."""

    def listed(self, resource: str, items: Iterable[JsonObject]) -> list[JsonObject]:
        """Return the objects in a page of a listing that matter."""
        self._listed()
        return [item for item in items if self.passes(resource, None, item)]

    def passes(self, resource: str, type_: str | None, object_: JsonObject) -> bool:
        """Return whether kopf needs this event; the type of a listed object is None.

        All events of an object pass while kopf has one that it has not handled: a change may undo it.
        """
        sink = self.sinks.get(resource)
        if sink is None:
            return True
        metadata = object_["metadata"]
        if not self._served.serves(metadata.get("namespace")):
            return False
        uid = metadata["uid"]
        if uid not in self._passed and type_ != "DELETED" and not sink.is_relevant(object_):
            return False
        self._passed[uid] = metadata["resourceVersion"]
        return True

    def handle(self, resource: str, type_: str | None, object_: JsonObject) -> None:
        """Pass an event from kopf to its sink; listed, created and changed objects are handled alike."""
        metadata, sink = object_["metadata"], self.sinks[resource]
        if self._passed.get(metadata["uid"]) == metadata["resourceVersion"]:
            del self._passed[metadata["uid"]]
        if type_ == "DELETED":
            sink.forget(ObjectKey(metadata.get("namespace", ""), metadata["name"]), metadata["uid"])
        else:
            sink.on_change(object_)
