# SPDX-License-Identifier: Apache-2.0
"""Checks every status that the operator writes on a real API server against the numbered rules."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import API_VERSION, CLUSTER_SMTP_VAULT_KIND, FIELD_MANAGER, SMTP_CONFIG_KIND
from smtp_testkit.statuslint import lint, texts_to_hide
from smtp_testkit.testbed.api import PATIENCE, Api, ApiError, Object

_WINDOW_SECONDS = 600.0
_PATHS = tuple(f"/apis/{API_VERSION}/{kind.plural}" for kind in KINDS)


@dataclass(frozen=True)
class Write:
    """A written status, and the object with the previous status."""

    before: Object
    status: Object
    at: float
    """Seconds since the epoch."""

    @property
    def namespace(self) -> str:
        """The namespace of the object; empty if it is cluster-wide."""
        return _namespace(self.before)


class StatusWatch:
    """Watches all objects of our kinds, each kind in a thread that ends with the API server.

    An unknown kind counts as one without objects.
    """

    def __init__(self, api: Api, *, but: Sequence[str] = ()) -> None:
        """Prepare the watch, which does not run yet. `but`: patterns of namespaces to ignore."""
        self._api = api
        self._but = but
        self._changed = threading.Condition()
        self._last: dict[str, dict[str, Object]] = {}
        """The existing objects by UID, for each listed path."""
        self._gone: set[str] = set()
        """UIDs of all objects so far."""
        self._writes: list[Write] = []
        self._counts: Counter[str] = Counter()
        self._stopped = threading.Event()

    @classmethod
    @contextmanager
    def following(cls, api: Api, *, but: Sequence[str] = ()) -> Iterator[Self]:
        """Watch all writes in this context, and at its end check those not checked yet."""
        watch = cls(api, but=but)
        watch.start()
        try:
            yield watch
            watch.check()
        finally:
            watch.stop()

    def start(self) -> None:
        """Start the watch and wait until all existing objects are known."""
        for path in _PATHS:
            threading.Thread(target=self._run, args=(path,), daemon=True, name=f"watch of {path}").start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._last.keys() == set(_PATHS), PATIENCE)

    def stop(self) -> None:
        """Stop the watch."""
        self._stopped.set()

    def check(self) -> None:
        """Check all statuses written since the last check.

        Raises:
            AssertionError: a status violates a rule.
            TimeoutError: the watch does not catch up.
        """
        found = self.complaints()
        assert not found, "statuses break rules of tests/support/smtp_testkit/statuslint:\n" + "\n".join(
            found
        )

    def complaints(self) -> list[str]:
        """Return the violations of all statuses written since the last check.

        Raises:
            TimeoutError: the watch does not catch up.
        """
        self._catch_up()
        with self._changed:
            writes, self._writes = self._writes, []
        hidden = self._texts_to_hide(writes)
        return [
            complaint for it in writes for complaint in lint(it.before, it.status, now=it.at, hidden=hidden)
        ]

    def forget(self, namespace: str) -> None:
        """Skip the check of statuses that a test wrote as the operator."""
        self._catch_up()
        with self._changed:
            self._writes = [it for it in self._writes if it.namespace != namespace]

    def writes(self, namespace: str) -> int:
        """Return the number of status writes in a namespace so far."""
        with self._changed:
            return self._counts[namespace]

    def _catch_up(self) -> None:
        """Wait until the watch has seen all writes until now, including those to deleted objects."""
        with self._changed:
            known = {uid for objects in self._last.values() for uid in objects}
        versions = {uid: it for path in _PATHS for uid, it in self._present(path).items()}

        def is_there() -> bool:
            seen = {uid: _version(it) for objects in self._last.values() for uid, it in objects.items()}
            there = (uid for uid, version in versions.items() if seen.get(uid, -1) >= version)
            return self._gone.union(there) >= known | versions.keys()

        with self._changed:
            if not self._changed.wait_for(is_there, PATIENCE):
                raise TimeoutError(f"the watch of statuses has not come up to {versions}")

    def _present(self, path: str) -> dict[str, int]:
        """Return the versions of the current objects by UID."""
        try:
            present = self._api.items(path)
        except ApiError as error:
            if error.code != http.client.NOT_FOUND:
                raise
            return {}
        return {it["metadata"]["uid"]: _version(it) for it in present if self._concerns(it)}

    def _concerns(self, object_: Object) -> bool:
        return not any(fnmatchcase(_namespace(object_), pattern) for pattern in self._but)

    def _texts_to_hide(self, writes: Collection[Write]) -> set[str]:
        """Return the secrets of the objects, of their namespaces, and of cluster-wide vaults."""
        objects = [it.before for it in writes]
        namespaces = {it.namespace for it in writes} - {""}
        for it in objects:
            if it["kind"] == CLUSTER_SMTP_VAULT_KIND:
                namespaces |= set(_named(it["spec"], "namespace"))
        secrets = [it for name in namespaces for it in self._secrets(name)]
        configs = [it for it in objects if it["kind"] == SMTP_CONFIG_KIND]
        return texts_to_hide(
            configs,
            [{"kind": "Secret", "metadata": it["metadata"], "data": it.get("data") or {}} for it in secrets],
        )

    def _secrets(self, namespace: str) -> list[Object]:
        return self._api.items(f"/api/v1/namespaces/{namespace}/secrets")

    def _run(self, path: str) -> None:
        while not self._stopped.is_set():
            try:
                self._follow(path)
            except ApiError as error:
                if error.code == http.client.NOT_FOUND:
                    self._know(path, {})
                self._stopped.wait(0.2)
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                self._stopped.wait(0.2)  # some tests stop the API server

    def _follow(self, path: str) -> None:
        present: dict[str, Object] | None = {}
        for event, object_ in self._api.follow(f"{path}?limit=500", _WINDOW_SECONDS):
            if self._stopped.is_set() or event == "ERROR":
                return
            if event == "LISTED":
                assert present is not None
                self._know(path, present)
                present = None
            elif not self._concerns(object_):
                continue
            elif event == "DELETED":
                self._drop(path, object_)
            elif present is not None:
                present[object_["metadata"]["uid"]] = object_
            elif event in ("ADDED", "MODIFIED"):
                self._take(path, object_)

    def _know(self, path: str, present: dict[str, Object]) -> None:
        """Record the listed objects; only the last of several writes before a list is known."""
        with self._changed:
            known = self._last.get(path, {})
            for uid, object_ in present.items():
                if _ours(object_) != _ours(known.get(uid, {})):
                    self._note(object_, _ours(object_))
            self._last[path] = present
            self._gone |= known.keys() - present.keys()
            self._changed.notify_all()

    def _drop(self, path: str, object_: Object) -> None:
        with self._changed:
            self._last[path].pop(object_["metadata"]["uid"], None)
            self._gone.add(object_["metadata"]["uid"])
            self._changed.notify_all()

    def _take(self, path: str, object_: Object) -> None:
        with self._changed:
            before = self._last[path].get(object_["metadata"]["uid"], object_)
            self._last[path][object_["metadata"]["uid"]] = object_
            if _ours(object_) != _ours(before):
                self._note(object_, _ours(before))
            self._changed.notify_all()

    def _note(self, object_: Object, status_before: Object) -> None:
        managers = object_["metadata"].get("managedFields") or ()
        if any((it["manager"], it.get("subresource")) == (FIELD_MANAGER, "status") for it in managers):
            self._writes.append(Write(object_ | {"status": status_before}, _ours(object_), time.time()))
            self._counts[_namespace(object_)] += 1


def _ours(object_: Object) -> Object:
    """Return the status without conditions of other controllers, whose types have a domain as prefix."""
    status: dict[str, Any] = object_.get("status") or {}
    conditions: Collection[Object] = status.get("conditions") or ()
    return status | {"conditions": [it for it in conditions if "/" not in it["type"]]}


def _namespace(object_: Object) -> str:
    return str(object_["metadata"].get("namespace", ""))


def _version(object_: Object) -> int:
    return int(object_["metadata"]["resourceVersion"])


def _named(value: object, name: str) -> Iterator[str]:
    """Return all texts in fields with this name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name and isinstance(inner, str):
                yield inner
            yield from _named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, name)
