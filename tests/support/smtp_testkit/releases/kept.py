# SPDX-License-Identifier: Apache-2.0
"""A recorded release below ``tests/cluster/upgrade/``, and how to restore it in a cluster."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from smtp_testkit.testbed.api import Api, Object
from smtp_tools.generate.text import to_yaml

KEPT = Path(__file__).resolve().parents[4] / "tests" / "cluster" / "upgrade"

CORE = {"Secret": "secrets", "ConfigMap": "configmaps"}
OURS = {"SmtpConfig": "smtpconfigs", "SmtpVault": "smtpvaults", "ClusterSmtpVault": "clustersmtpvaults"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Release:
    """A recorded release.

    Attributes:
        folder: folder with ``crds.yaml`` and ``objects.yaml``.
    """

    folder: Path

    def __str__(self) -> str:
        return self.folder.name

    @property
    def crds(self) -> list[Object]:
        """The CustomResourceDefinitions of the release."""
        return list(yaml.safe_load_all((self.folder / "crds.yaml").read_text(encoding="utf-8")))

    @property
    def objects(self) -> list[Object]:
        """Secrets, ConfigMaps and our objects, with their statuses.

        A version in ``status.tested`` is recorded as ``Secret/name``, for the version of that object.
        """
        return [it for it in self._documents() if "kind" in it]

    @property
    def recorded(self) -> datetime:
        """The time of the recording."""
        (head,) = (it for it in self._documents() if "recorded" in it)
        recorded: datetime = head["recorded"]
        return recorded

    def _documents(self) -> Iterator[Object]:
        text = (self.folder / "objects.yaml").read_text(encoding="utf-8")
        yield from yaml.safe_load_all(text)

    def restore(self, api: Api, namespace: str) -> dict[str, Object]:
        """Create the objects in the namespace, as if this release had tested them a moment ago.

        Their CRDs must exist. Statuses are written by server-side apply, as the operator of that release
        did.

        Returns:
            our objects, by name.
        """
        versions = {
            f"{it['kind']}/{it['metadata']['name']}": _version(
                api.create(f"/api/v1/namespaces/{namespace}/{CORE[it['kind']]}", it)
            )
            for it in self.objects
            if it["kind"] in CORE
        }
        later = datetime.now(UTC) - self.recorded
        return {
            it["metadata"]["name"]: _restored(api, namespace, it, versions, later)
            for it in self.objects
            if it["kind"] in OURS
        }


def releases() -> list[Release]:
    """Return all recorded releases, the oldest first."""
    folders = (it.parent for it in KEPT.glob("*/objects.yaml"))
    return [Release(it) for it in sorted(folders, key=lambda it: [int(part) for part in it.name.split(".")])]


def written(objects: list[Object], recorded: datetime) -> str:
    """Return the text of ``objects.yaml``, without fields of the cluster of the recording."""
    versions = {
        _version(it): f"{it['kind']}/{it['metadata']['name']}" for it in objects if it["kind"] in CORE
    }
    documents: list[Object] = [{"recorded": recorded.replace(microsecond=0)}]
    for it in objects:
        metadata = {name: it["metadata"][name] for name in ("name", "annotations") if name in it["metadata"]}
        rest = {name: value for name, value in it.items() if name not in ("metadata", "stringData")}
        text = json.dumps({"apiVersion": it["apiVersion"], "kind": it["kind"], "metadata": metadata, **rest})
        for version, name in versions.items():
            text = text.replace(version, name)
        documents.append(json.loads(text))
    return "---\n".join(map(to_yaml, documents))


def _version(it: Object) -> str:
    return f"{it['metadata']['uid']}/{it['metadata']['resourceVersion']}"


def _restored(api: Api, namespace: str, it: Object, versions: Mapping[str, str], later: timedelta) -> Object:
    collection = f"/apis/{it['apiVersion']}/namespaces/{namespace}/{OURS[it['kind']]}"
    name = it["metadata"]["name"]
    created = api.create(collection, {key: value for key, value in it.items() if key != "status"})
    status: Any = json.loads(_TIME.sub(lambda time: _moved(time[0], later), json.dumps(it["status"])))
    for reference in status.get("tested", {}).get("references", ()):
        reference["version"] = versions[reference["version"]]
    head = {key: created[key] for key in ("apiVersion", "kind")}
    body = {**head, "metadata": {"name": name}, "status": status}
    return api.apply(f"{collection}/{name}/status", body, manager="smtp-operator")


def _moved(time: str, later: timedelta) -> str:
    return (datetime.fromisoformat(time) + later).strftime("%Y-%m-%dT%H:%M:%SZ")
