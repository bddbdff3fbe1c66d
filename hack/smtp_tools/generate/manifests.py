# SPDX-License-Identifier: Apache-2.0
"""The plain manifests, rendered from the Helm chart by Helm."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smtp_tools.generate.chart import CHART, ROOT
from smtp_tools.generate.files import kustomization

_LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"
_MADE = "# Rendered from deploy/charts/smtp-operator/; run `make generate`.\n"

_OF_HELM = re.compile(
    r"^ +(?:helm\.sh/chart|app\.kubernetes\.io/(?:instance|managed-by|version)): .*\n", re.MULTILINE
)
"""Labels that only a Helm release has."""

_SOURCE = re.compile(r"^# Source: smtp-operator/templates/([\w-]+)\.yaml\n", re.MULTILINE)


@dataclass(frozen=True)
class Folder:
    """A folder of plain manifests.

    Attributes:
        path: Path below the root.
        namespace: Namespace of the installation.
        values: Values of the chart.
        files: For each file its template and header comment.
    """

    path: str
    namespace: str
    values: Mapping[str, str]
    files: Mapping[str, tuple[str, str]]


CLUSTER_WIDE = Folder(
    path="deploy/manifests",
    namespace="smtp-operator-system",
    values={"createNamespace": "true", "smtpTests": "enabled"},
    files={
        "10-namespace.yaml": (
            "namespace",
            """\
# smtp-operator for the whole cluster, with the admission policies for users. Apply the CRDs first:
#
#   kubectl apply --server-side -f deploy/crds/
#   kubectl apply -f deploy/manifests/
#
# For a single namespace, use the folder namespaced/ instead.
""",
        ),
        "20-permissions.yaml": ("permissions", ""),
        "30-user-roles.yaml": ("user-roles", ""),
        "34-policy-operator.yaml": ("operator-policy", ""),
        "35-network-policy.yaml": ("network-policy", ""),
        "40-deployment.yaml": ("deployment", ""),
    },
)

NAMESPACED = Folder(
    path="deploy/manifests/namespaced",
    namespace="team-a",
    values={"allNamespaces": "false"},
    files={
        "10-permissions.yaml": (
            "permissions",
            """\
# smtp-operator in and for the single namespace team-a. Replace team-a by your namespace:
#
#   kubectl apply --server-side -f deploy/crds/
#   sed 's/team-a/YOUR-NAMESPACE/' deploy/manifests/namespaced/*.yaml | kubectl apply -f -
#
# A cluster admin applies the user roles (../30-user-roles.yaml) and policies (../31-*.yaml to ../33-*.yaml,
# ../34-policy-publish.yaml) once. This operator cannot read ClusterSmtpVaults, unless a ClusterRole permits
# it to get them.
""",
        ),
        "15-network-policy.yaml": ("network-policy", ""),
        "20-deployment.yaml": (
            "deployment",
            "# Like ../40-deployment.yaml, but serves only this namespace.\n",
        ),
    },
)


def rendered_files(helm: Path) -> dict[str, str]:
    """Return the text of every file rendered from the chart by its path below the root."""
    cluster_wide, namespaced = (_rendered(helm, folder) for folder in (CLUSTER_WIDE, NAMESPACED))
    return {
        **_files(CLUSTER_WIDE, cluster_wide),
        **_files(NAMESPACED, namespaced),
        "deploy/manifests/Kustomization": kustomization(CLUSTER_WIDE.files),
    }


def _files(folder: Folder, documents: Mapping[str, list[str]]) -> dict[str, str]:
    return {
        f"{folder.path}/{name}": _joined(head, documents[template])
        for name, (template, head) in folder.files.items()
    }


def _joined(head: str, documents: list[str]) -> str:
    # Each file starts with ---, so that the files of a folder can be concatenated.
    return _LICENCE + _MADE + head + "".join(f"---\n{text}" for text in documents)


def _rendered(helm: Path, folder: Folder) -> dict[str, list[str]]:
    """Return the documents of each template, in the order in which they are applied."""
    off = {f"policies.{name}": "off" for name in ("references", "plaintextPassword", "habits")}
    values = {"crds.enabled": "false", **off, **folder.values}
    words = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    command = [str(helm), "template", "smtp-operator", str(CHART), "--namespace", folder.namespace, *words]
    with tempfile.TemporaryDirectory() as home:  # ignore the user's helm settings
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": home}
        text = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout
    found: dict[str, list[str]] = {}
    for document in re.split(r"^---\n", _OF_HELM.sub("", text), flags=re.MULTILINE):
        source = _SOURCE.match(document)
        if source:
            found.setdefault(source[1], []).append(document[source.end() :].strip("\n") + "\n")
    return found
