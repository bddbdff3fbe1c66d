# SPDX-License-Identifier: Apache-2.0
"""Chart, plain manifests and kustomize base have one source and the same content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from smtp_testkit.testbed import Object
from smtp_tools.generate.__main__ import main
from smtp_tools.generate.files import stale_files
from smtp_tools.generate.manifests import rendered_files
from smtp_tools.localcluster import LocalCluster

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"

OF_HELM = (
    "helm.sh/chart",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
)

Documents = dict[tuple[str, str], Object]


def by_name(documents: list[Object]) -> Documents:
    found = {(it["kind"], it["metadata"]["name"]): it for it in documents if it}
    assert len(found) == len(documents)
    return found


def read(*patterns: str) -> Documents:
    files = [file for pattern in patterns for file in sorted(DEPLOY.glob(pattern))]
    return by_name([it for file in files for it in yaml.safe_load_all(file.read_text()) if it])


def without_helm(documents: Documents) -> Documents:
    """Remove the annotation that makes Helm keep an object; plain manifests have none."""
    plain: Documents = {name: _without_helm(it) for name, it in documents.items()}
    for (kind, _), it in plain.items():
        if kind == "CustomResourceDefinition":
            del it["metadata"]["labels"]
    return plain


def _without_helm(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_helm(inner) for name, inner in value.items() if name not in OF_HELM}
    return [_without_helm(inner) for inner in value] if isinstance(value, list) else value


def test_no_rendered_file_is_stale(cluster: LocalCluster) -> None:
    assert stale_files(ROOT, rendered_files(cluster.helm_path)) == [], "run make generate"


def test_check_tells_by_its_exit_code(cluster: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_chart_with_all_in_it_is_the_plain_manifests(render: Render) -> None:
    chart = without_helm(
        by_name(render("--namespace=smtp-operator-system", "--set=createNamespace=true,crds.keep=false"))
    )

    assert chart == read("crds/*.yaml", "manifests/*.yaml")


def test_the_chart_s_monitoring_is_the_plain_one(render: Render) -> None:
    kinds = {"PodMonitor", "PrometheusRule", "ConfigMap"}
    rendered = render(
        "--namespace=smtp-operator-system",
        "--set=metrics.podMonitor=true,metrics.prometheusRule=true,metrics.dashboard=true",
    )

    chart = without_helm(by_name([it for it in rendered if it["kind"] in kinds]))

    assert chart == read("manifests/monitoring/*.yaml")


def test_the_namespaced_profile_is_the_namespaced_manifests(render: Render) -> None:
    profile = DEPLOY / "charts" / "smtp-operator" / "profiles" / "namespaced.yaml"

    chart = without_helm(by_name(render("--namespace=team-a", f"--values={profile}")))

    assert chart == read("manifests/namespaced/*.yaml")


def test_the_kustomize_base_is_the_plain_manifests(cluster: LocalCluster) -> None:
    built = cluster.kubectl("kustomize", str(DEPLOY / "kustomize" / "base")).stdout
    assert by_name(list(yaml.safe_load_all(built))) == read("crds/*.yaml", "manifests/*.yaml")


def test_the_packaged_chart_renders_the_same(helm: Callable[..., str], tmp_path: Path) -> None:
    chart, more = str(DEPLOY / "charts" / "smtp-operator"), "--set=metrics.podMonitor=true"
    helm("package", chart, "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    assert helm("template", "x", str(package), more) == helm("template", "x", chart, more)


@pytest.mark.parametrize("folder", ["crds", "manifests"])
def test_the_api_server_s_strict_validation_accepts_each(cluster: LocalCluster, folder: str) -> None:
    words = ["--validate=strict", "--dry-run=server", "-f", str(DEPLOY / folder)]
    if folder == "manifests":  # what is in a namespace needs it to be there
        cluster.kubectl("apply", "--server-side", "-f", str(DEPLOY / folder / "10-namespace.yaml"))
    assert cluster.kubectl("apply", "--server-side", *words).stderr == ""
    if folder == "manifests":
        cluster.kubectl("delete", "-f", str(DEPLOY / folder / "10-namespace.yaml"))
