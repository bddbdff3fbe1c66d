# SPDX-License-Identifier: Apache-2.0
"""Sees every status that the operator writes on a real API server, and holds it to the numbered rules."""

import http.client
import threading
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import API_VERSION, FIELD_MANAGER
from statuslint import lint, texts_to_hide
from testbed.api import Api, ApiError, Object

_WINDOW_SECONDS = 600.0
_BARRIER_SECONDS = 20.0


@dataclass(frozen=True)
class Write:
    """A status that was written, and the object with the one before."""

    before: Object
    status: Object
    at: float
    """Seconds since the epoch."""


class StatusWatch:
    """Follows all objects of our kinds, each kind in a thread that ends with the API server."""

    def __init__(self, api: Api) -> None:
        """Nothing is followed yet."""
        self._api = api
        self._changed = threading.Condition()
        self._last: dict[str, Object] = {}
        self._writes: defaultdict[str, list[Write]] = defaultdict(list)
        self._listed: set[str] = set()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Returns once all that is there is known."""
        paths = [f"/apis/{API_VERSION}/{kind.plural}?limit=500" for kind in KINDS]
        for path in paths:
            threading.Thread(target=self._run, args=(path,), daemon=True, name=f"watch of {path}").start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._listed == set(paths), _BARRIER_SECONDS)

    def stop(self) -> None:
        """What comes from now on is of no interest."""
        self._stopped.set()

    def complaints(self, namespace: str) -> list[str]:
        """What is wrong with the statuses written in a namespace until now.

        Raises:
            TimeoutError: the watch does not come up to what is there now.
        """
        present = self._api.items(f"/apis/{API_VERSION}/namespaces/{namespace}/smtpconfigs")
        self._wait_for({it["metadata"]["uid"]: it["metadata"]["resourceVersion"] for it in present})
        with self._changed:
            writes = list(self._writes[namespace])
        secrets = self._api.items(f"/api/v1/namespaces/{namespace}/secrets")
        kinds = [{"kind": "Secret", "data": it.get("data") or {}} for it in secrets]
        hidden = texts_to_hide([it.before for it in writes], kinds)
        return [
            complaint for it in writes for complaint in lint(it.before, it.status, now=it.at, hidden=hidden)
        ]

    def writes(self, namespace: str) -> int:
        """How many statuses were seen to be written in a namespace."""
        with self._changed:
            return len(self._writes[namespace])

    def _wait_for(self, versions: dict[str, str]) -> None:
        def is_there() -> bool:
            return all(_version(self._last.get(uid)) >= int(version) for uid, version in versions.items())

        with self._changed:
            if not self._changed.wait_for(is_there, _BARRIER_SECONDS):
                raise TimeoutError(f"the watch of statuses has not come up to {versions}")

    def _run(self, path: str) -> None:
        while not self._stopped.is_set():
            try:
                for event, object_ in self._api.follow(path, _WINDOW_SECONDS):
                    if event == "LISTED":
                        with self._changed:
                            self._listed.add(path)
                            self._changed.notify_all()
                    elif event in ("ADDED", "MODIFIED") and not self._stopped.is_set():
                        self._take(object_)
            except (OSError, http.client.HTTPException, ApiError, ValueError, KeyError):
                self._stopped.wait(0.2)  # some tests end the API server

    def _take(self, object_: Object) -> None:
        uid, at = object_["metadata"]["uid"], time.time()
        with self._changed:
            before = self._last.get(uid)
            self._last[uid] = object_
            status = _ours(object_)
            if before is not None and status != _ours(before) and _is_written_by_operator(object_):
                namespace = object_["metadata"].get("namespace", "")
                self._writes[namespace].append(Write(object_ | {"status": _ours(before)}, status, at))
            self._changed.notify_all()


def _ours(object_: Object) -> Object:
    """The status without the conditions that others have added: their types have a domain in front."""
    status: dict[str, Any] = object_.get("status") or {}
    conditions: Collection[Object] = status.get("conditions") or ()
    return status | {"conditions": [it for it in conditions if "/" not in it["type"]]}


def _is_written_by_operator(object_: Object) -> bool:
    managers = object_["metadata"].get("managedFields") or ()
    return any((it["manager"], it.get("subresource")) == (FIELD_MANAGER, "status") for it in managers)


def _version(object_: Object | None) -> int:
    return int(object_["metadata"]["resourceVersion"]) if object_ else -1
