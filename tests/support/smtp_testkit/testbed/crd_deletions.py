# SPDX-License-Identifier: Apache-2.0
"""Works around deletions of CustomResourceDefinitions that kube-apiserver forgets.

Its finalizer (1.37) may fail to list the instances while it removes their storage, "storage is
(re)initializing". If its next attempt conflicts with its own status update, it waits for an event, but then
ignores it because only its own condition changed. Only the resync after some minutes continues the deletion.
Any other change of the object also continues it.
"""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from smtp_testkit.testbed.api import Api, ApiError, Object
from smtp_tools.localcluster import LocalCluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EVERY = 2.0
"""Seconds after which a failed deletion counts as forgotten."""


@contextmanager
def forgotten_deletions_end(cluster: LocalCluster) -> Iterator[None]:
    """Let no deletion wait for the resync while this context lasts."""
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
                continue  # some tests stop the API server; deleted ones need nothing
            before = failed


def _has_failed(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return "deletionTimestamp" in crd["metadata"] and any(
        it["type"] == "Terminating" and it.get("reason") == "InstanceDeletionFailed" for it in conditions
    )
