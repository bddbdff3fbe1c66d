# SPDX-License-Identifier: Apache-2.0
"""Pass events to the controller while they are read, because kopf spends a task and 300 calls on each event.

Half of all changes are our own writes of a status, and a listing repeats objects that are already known.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from smtp_operator.api.errors import origin
from smtp_operator.api.objects import JsonObject, ObjectKey
from smtp_operator.setting_parsers import ServedNamespaces

_log: Final = logging.getLogger(__name__)


class EventSink(Protocol):
    """Receiver of events of one kind. Its methods return at once, because the watch waits for them."""

    def on_change(self, object_: JsonObject) -> bool:
        """Handle an object that was created, changed or listed.

        Return whether the change mattered; our own writes and changed labels do not.
        """
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Handle the deletion of an object."""
        ...

    def known(self) -> Iterable[tuple[ObjectKey, str]]:
        """Return the known objects that are not deleted, with their uids."""
        ...


class EventFilter:
    """Passes the events of served namespaces to the sinks of their kinds."""

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

    def listed(self, resource: str, items: Iterable[JsonObject]) -> None:
        """Handle the objects in a page of a listing."""
        self._listed()
        for item in items:
            self.handle(resource, None, item)

    def handle(self, resource: str, type_: str | None, object_: JsonObject) -> bool:
        """Handle an event, and return whether it mattered; the type of a listed object is None.

        Listed, created and changed objects are handled alike.
        """
        metadata, sink = object_["metadata"], self.sinks[resource]
        key = ObjectKey(metadata.get("namespace", ""), metadata["name"])
        if not self._served.serves(key.namespace):
            return False
        try:
            if type_ != "DELETED":
                return sink.on_change(object_)
            sink.forget(key, metadata["uid"])
        except Exception as error:  # a bug in handling one object must not stop the others
            _log.error("an event of %s %s was ignored: %s", resource, key, origin(error))
        return True
