# SPDX-License-Identifier: Apache-2.0
"""Where the demo runs: on a local control plane, or in one namespace of a cluster that the user names."""

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smtp_testkit.testbed.manifests import CLUSTER_WIDE, CRDS, NAMESPACED, Manifests
from smtp_testkit.testbed.vaults import FLAGS as OF_VAULTS
from smtp_tools.demo.kubectl import Kubectl, quiet_environment
from smtp_tools.demo.terminal import Terminal
from smtp_tools.localcluster import LocalCluster, find_assets

FLAGS = (*OF_VAULTS, "--allow-imap-port=1-65535")
KINDS = ("smtpconfigs", "smtpvaults", "clustersmtpvaults")
CRD_NAMES = [f"customresourcedefinition/{kind}.smtp-operator.io" for kind in KINDS]


class DemoError(Exception):
    """The demo cannot continue; the text says why and what to do."""


@dataclass(frozen=True)
class Place:
    """The cluster of the demo, and how to use it.

    Attributes:
        kubectl: has all permissions that the demo needs.
        operator_kubeconfig: kubeconfig of the operator's ServiceAccount.
        operator_user: name of this ServiceAccount as a user.
        operator_flags: destinations that the operator may reach, and its namespace.
        folder: a temporary folder.
        visit: a command that users must type before they use kubectl; may be empty.
        typed: how users then call kubectl.
    """

    kubectl: Kubectl
    operator_kubeconfig: Path
    operator_user: str
    operator_flags: tuple[str, ...]
    folder: Path
    visit: str = ""
    typed: str = "kubectl"


@contextmanager
def own_control_plane(terminal: Terminal) -> Iterator[Place]:
    """Start a control plane for the block, and apply deploy/manifests without the Deployment."""
    assets = find_assets()  # may build them, and then reports progress
    with ExitStack() as stack:
        with terminal.step("a Kubernetes control plane on 127.0.0.1"):
            cluster = stack.enter_context(LocalCluster.start(assets=assets))
        folder = cluster.directory / "demo"
        folder.mkdir()
        environment = quiet_environment(str(cluster.kubeconfig), cluster.directory / "home")
        kubectl = Kubectl(cluster.kubectl_path, environment)
        manifests = Manifests.read(CLUSTER_WIDE).permissions()
        with terminal.step("the CRDs, and a ServiceAccount with exactly the RBAC of deploy/manifests/"):
            _apply_crds(kubectl)
            kubectl("apply", "-f", "-", text=str(manifests))
            kubeconfig = cluster.kubeconfig_for_service_account(*manifests.service_account)
        yield Place(
            kubectl=kubectl,
            operator_kubeconfig=kubeconfig,
            operator_user=manifests.user,
            operator_flags=FLAGS,
            folder=folder,
            visit=f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.kubectl_path.parent}:$PATH",
        )


@contextmanager
def namespace_of(context: str, terminal: Terminal, *, yes: bool) -> Iterator[Place]:
    """Create a namespace in the cluster of this context; remove everything after the block."""
    program = shutil.which("kubectl")
    kubectl = Kubectl(
        Path(program) if program else find_assets().kubectl,
        quiet_environment(os.environ.get("KUBECONFIG", "")) if "KUBECONFIG" in os.environ else os.environ,
        (f"--context={context}",),
        f"smtp-demo-{secrets.token_hex(3)}",
    )
    cluster = _cluster_of(kubectl, context)
    crds_are_there = kubectl.succeeds("get", CRD_NAMES[0])
    _ask(terminal, context, str(cluster["server"]), kubectl.namespace, crds_are_there=crds_are_there, yes=yes)
    _refuse_second_operator(kubectl)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smtp-demo-")))
        if not crds_are_there:
            stack.callback(_remove_crds, kubectl, terminal)
            with terminal.step("the CRDs"):
                _apply_crds(kubectl)
        stack.callback(_remove_namespace, kubectl, terminal)
        manifests = Manifests.read(NAMESPACED).permissions().for_namespace(kubectl.namespace)
        with terminal.step(f"namespace {kubectl.namespace}, with the RBAC of deploy/manifests/namespaced/"):
            kubectl("create", "namespace", kubectl.namespace)
            kubectl("apply", "-f", "-", text=str(manifests))
            token = kubectl("create", "token", manifests.service_account[1], "--duration=2h").strip()
        kubeconfig = _write_kubeconfig(folder, cluster, token)
        yield Place(
            kubectl=kubectl,
            operator_kubeconfig=kubeconfig,
            operator_user=manifests.user,
            operator_flags=(*FLAGS, f"--namespace={kubectl.namespace}"),
            folder=folder,
            typed=f"kubectl --context={context} -n {kubectl.namespace}",
        )


def _cluster_of(kubectl: Kubectl, context: str) -> dict[str, Any]:
    config = kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    if not config.get("clusters"):
        raise DemoError(f"context {context} names no cluster; `kubectl config get-contexts` lists them")
    cluster: dict[str, Any] = config["clusters"][0]["cluster"]
    return cluster


def _ask(
    terminal: Terminal, context: str, server: str, namespace: str, *, crds_are_there: bool, yes: bool
) -> None:
    terminal.note(f"Context   {context}")
    terminal.note(f"Server    {server}")
    crds = "stay as they are" if crds_are_there else "are created, and removed at the end"
    terminal.note(f"Changes   the CRDs {crds}; namespace {namespace} is created, and removed at the end")
    if yes:
        return
    if not sys.stdin.isatty():
        raise DemoError("cannot ask for confirmation: stdin is not a terminal; set YES=1 to confirm")
    print("Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DemoError("canceled; nothing was changed")


def _refuse_second_operator(kubectl: Kubectl) -> None:
    selector = "--selector=app.kubernetes.io/name=smtp-operator"
    deployments = kubectl.json("get", "deployments", "--all-namespaces", selector)["items"]
    running = [it["metadata"] for it in deployments if it.get("status", {}).get("readyReplicas")]
    if running:
        where = f"{running[0]['namespace']}/{running[0]['name']}"
        raise DemoError(
            f"an operator already runs in this cluster (Deployment {where}); it would also test the samples, "
            "and reject them, because its 127.0.0.1 is another machine. Run `make demo` without CONTEXT."
        )


def _apply_crds(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", str(CRDS))
    kubectl("wait", "--for=condition=Established", *CRD_NAMES, "--timeout=30s")


def _remove_crds(kubectl: Kubectl, terminal: Terminal) -> None:
    if not kubectl.succeeds("get", *CRD_NAMES):
        return
    left = kubectl("get", ",".join(KINDS), "--all-namespaces", "-o", "name").split()
    if left:
        terminal.note(f"  The CRDs stay; the cluster has {len(left)} other objects of these kinds.")
        return
    with terminal.step("remove the CRDs"):
        kubectl("delete", *CRD_NAMES)


def _remove_namespace(kubectl: Kubectl, terminal: Terminal) -> None:
    with terminal.step(f"remove namespace {kubectl.namespace}"):
        kubectl("delete", "namespace", kubectl.namespace, "--ignore-not-found")


def _write_kubeconfig(folder: Path, cluster: dict[str, Any], token: str) -> Path:
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "demo", "cluster": cluster}],
        "users": [{"name": "demo", "user": {"token": token}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
        "current-context": "demo",
    }
    path.write_text(yaml.safe_dump(content))
    return path
