# SPDX-License-Identifier: Apache-2.0
"""The programs of the control plane.

They come from `KUBEBUILDER_ASSETS`, else from the per-user cache, else from a build (see `gobuild`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smtp_tools.gobuild import Program, program_folder
from smtp_tools.localcluster.errors import ClusterError
from smtp_tools.paths import HACK

PARTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")

SOURCE = HACK / "controlplane"


def kubernetes_version() -> str:
    """Return the version in go.mod, such as `1.37.2`."""
    found = re.search(r"^\tk8s\.io/kubernetes v(\S+)$", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    assert found, f"{SOURCE / 'go.mod'} requires no k8s.io/kubernetes"
    return found[1]


def _version_variables(version: str) -> dict[str, str]:
    """Return the version variables; without them the version is v0.0.0, which some charts reject."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": value for package in packages for name, value in values.items()}


CONTROL_PLANE = Program(
    source=SOURCE,
    links=PARTS,
    variables=_version_variables(kubernetes_version()),
    announcement=(
        "Building etcd, kube-apiserver, kube-controller-manager, kubectl "
        f"(Kubernetes {kubernetes_version()}) and helm from their Go modules.\n"
        "This happens once and takes about 9 minutes on 2 cores; it needs 156 MB of disk, and about 5 GB "
        "for Go's caches.\n"
        "To avoid it, set KUBEBUILDER_ASSETS to a folder that holds these five programs."
    ),
)


@dataclass(frozen=True)
class Assets:
    """The five programs."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kubectl: Path
    helm: Path


def find_assets(environment: Mapping[str, str] = os.environ, program: Program = CONTROL_PLANE) -> Assets:
    """Find the programs; build them if some are neither in `KUBEBUILDER_ASSETS` nor in the cache.

    Raises:
        ClusterError: `KUBEBUILDER_ASSETS` is not a folder.
        BuildError: the build failed.
    """
    given = environment.get("KUBEBUILDER_ASSETS")
    if given and not Path(given).is_dir():
        raise ClusterError(
            f"KUBEBUILDER_ASSETS={given} is not a folder. Set it to one that holds {', '.join(PARTS)}, "
            "or unset it."
        )
    at_hand = {part: Path(given) / part for part in PARTS} if given else {}
    paths = {part: path for part, path in at_hand.items() if os.access(path, os.X_OK)}
    missing = [part for part in PARTS if part not in paths]
    if missing:
        folder = program_folder(program, environment)
        paths |= {part: folder / part for part in missing}
    return Assets(*(paths[part].absolute() for part in PARTS))
