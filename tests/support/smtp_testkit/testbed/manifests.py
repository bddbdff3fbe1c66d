# SPDX-License-Identifier: Apache-2.0
"""The manifests that users apply, and the part that an operator outside of the cluster needs."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from smtp_testkit.testbed.api import Object

ROOT = Path(__file__).parents[4]
CRDS = ROOT / "deploy" / "crds"
CLUSTER_WIDE = ROOT / "deploy" / "manifests"
NAMESPACED = CLUSTER_WIDE / "namespaced"

PERMISSION_KINDS = frozenset(
    {"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
)


@dataclass(frozen=True)
class Manifests:
    """The documents of one folder, without subfolders."""

    documents: tuple[Object, ...]

    @classmethod
    def read(cls, folder: Path = CLUSTER_WIDE) -> "Manifests":
        """Read the documents that `kubectl apply -f FOLDER` would apply."""
        documents = [
            document
            for file in sorted(folder.glob("*.yaml"))
            for document in yaml.safe_load_all(file.read_text())
            if document and "apiVersion" in document
        ]
        return cls(tuple(documents))

    def for_namespace(self, namespace: str) -> "Manifests":
        """Return the documents for another namespace, changed as `namespaced/` describes."""
        text = str(self).replace(self.service_account[0], namespace)
        return Manifests(tuple(yaml.safe_load_all(text)))

    def permissions(self) -> "Manifests":
        """Return the ServiceAccount and its permissions unchanged, without the Deployment and its like."""
        return Manifests(tuple(it for it in self.documents if it["kind"] in PERMISSION_KINDS))

    def __str__(self) -> str:
        """Return YAML for `kubectl apply -f -`."""
        return yaml.safe_dump_all(self.documents, sort_keys=False)

    @property
    def service_account(self) -> tuple[str, str]:
        """Namespace and name of the operator's ServiceAccount."""
        (account,) = (it["metadata"] for it in self.documents if it["kind"] == "ServiceAccount")
        return account["namespace"], account["name"]

    @property
    def user(self) -> str:
        """The user name of the ServiceAccount on the API server."""
        return "system:serviceaccount:" + ":".join(self.service_account)
