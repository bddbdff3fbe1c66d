# SPDX-License-Identifier: Apache-2.0
"""A fake API server that lists given objects page by page, for what a real one would never or slowly have."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from smtp_testkit.fakeapi import Answer, FakeApi, ReceivedRequest, Stream
from smtp_testkit.fakeapi.smtpconfigs import LIST
from smtp_testkit.mailpeers.background import in_thread

Json = dict[str, Any]

_OURS: Final = "/apis/smtp-operator.io/v1alpha1"
NAMESPACED_VAULTS: Final = f"{_OURS}/namespaces/team-a/smtpvaults"
CLUSTER_VAULTS: Final = f"{_OURS}/clustersmtpvaults"


class FakeCluster:
    """The namespace team-a with SmtpConfigs and vault objects that never change.

    Attributes:
        api: the API server, with its received requests.
        kubeconfig: a file for its only user, jane.
    """

    def __init__(self, api: FakeApi, kubeconfig: Path, objects: dict[str, Sequence[Json]]) -> None:
        """Do not call this; use ``of``."""
        self.api, self.kubeconfig, self._objects = api, kubeconfig, objects
        self.streams = {path: Stream() for path in objects}
        """The watch of each list, by path."""
        for path, stream in self.streams.items():
            api.on("WATCH", path, stream)
        api.otherwise = self._answer

    @classmethod
    @contextmanager
    def of(
        cls, folder: Path, configs: Sequence[Json] = (), vaults: Sequence[Json] = (), **more: Sequence[Json]
    ) -> Iterator["FakeCluster"]:
        """Serve these objects during the block; ``events`` and ``secrets`` may be in ``more``."""
        objects = {LIST: configs, NAMESPACED_VAULTS: vaults, CLUSTER_VAULTS: ()}
        objects["/apis/events.k8s.io/v1/namespaces/team-a/events"] = more.get("events", ())
        objects["/api/v1/namespaces/team-a/secrets"] = more.get("secrets", ())
        with in_thread(_serving(cls, folder, objects)) as cluster:
            yield cluster

    async def _answer(self, request: ReceivedRequest) -> Answer:
        if request.method == "POST" and request.path.endswith("/selfsubjectreviews"):
            return Answer(201, {"status": {"userInfo": {"username": "jane@example.com"}}})
        if request.method == "POST" and request.path.endswith("/selfsubjectaccessreviews"):
            return Answer(201, {"status": {"allowed": True}})
        if request.method != "GET":
            return Answer(501)
        if request.path in self._objects:
            return Answer(body=self._page(self._objects[request.path], request.query))
        path, _, name = request.path.rpartition("/")
        for object_ in self._objects.get(path, ()):
            if object_["metadata"]["name"] == unquote(name):
                return Answer(body=object_)
        return Answer(404, {"kind": "Status", "code": 404, "reason": "NotFound"})

    def _page(self, found: Sequence[Json], query: Any) -> Json:
        start = int(query.get("continue") or 0)
        end = start + int(query.get("limit") or len(found) or 1)
        following = {"continue": str(end)} if end < len(found) else {}
        return {"metadata": {"resourceVersion": "10", **following}, "items": list(found[start:end]) or None}


@asynccontextmanager
async def _serving(
    cls: type[FakeCluster], folder: Path, objects: dict[str, Sequence[Json]]
) -> AsyncIterator[FakeCluster]:
    async with FakeApi.start() as api:
        kubeconfig = folder / "fake.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(api.url)))
        cluster = cls(api, kubeconfig, objects)
        yield cluster
        for stream in cluster.streams.values():
            stream.end()


def _kubeconfig(url: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "jane", "user": {}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "jane", "namespace": "team-a"}}],
        "current-context": "fake",
    }
