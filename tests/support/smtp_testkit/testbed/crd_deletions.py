# SPDX-License-Identifier: Apache-2.0
"""Deletions of CustomResourceDefinitions that kube-apiserver forgets, brought to its mind.

Its finalizer (1.37) may fail to list the instances while it tears their storage down, "storage is
(re)initializing". Where its next try meets its own update of the status as a conflict, it counts on an event
that it ignores, since nothing but its own condition changed; then only the resync after some minutes goes on
with it. Any other change of the object wakes it.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from smtp_testkit.testbed.api import Api, ApiError, Object
from smtp_tools.localcluster import LocalCluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EVERY = 2.0
"""Seconds; what has failed for that long has been forgotten."""


@contextmanager
def forgotten_deletions_end(cluster: LocalCluster) -> Iterator[None]:
    """While this context lasts, none waits for the resync."""
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(cluster, stop), name="crd-deletions", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def _watch(cluster: LocalCluster, stop: threading.Event) -> None:
    before: set[str] = set()
    with closing(Api(cluster.url, cluster.ca_file, cluster.admin_token)) as api:
        while not stop.wait(EVERY):
            try:
                failed = {it["metadata"]["name"] for it in api.items(CRDS) if _has_failed(it)}
                for name in failed & before:
                    api.patch(f"{CRDS}/{name}", {"metadata": {"annotations": {"testbed/remembered": "true"}}})
            except (ApiError, OSError, http.client.HTTPException):
                continue  # some tests stop the API server; and what is gone needs nothing
            before = failed


def _has_failed(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return "deletionTimestamp" in crd["metadata"] and any(
        it["type"] == "Terminating" and it.get("reason") == "InstanceDeletionFailed" for it in conditions
    )
