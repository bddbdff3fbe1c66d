# SPDX-License-Identifier: Apache-2.0
"""The API server's strict validation accepts every manifest, including foreign kinds."""

from pathlib import Path

import pytest
import yaml

from smtp_testkit.testbed import Object
from smtp_testkit.testbed.foreign_kinds import define_foreign_kinds
from smtp_tools.localcluster import LocalCluster

DEPLOY = Path(__file__).parents[3] / "deploy"
CHART = DEPLOY / "charts" / "smtp-operator"
NOT_OF_THE_API_SERVER = ("kustomize.config.k8s.io/", "v2")
"""The apiVersions of kustomization.yaml and Chart.yaml."""


def objects(text: str) -> list[Object]:
    found = yaml.load_all(text, Loader=yaml.CSafeLoader)
    documents = (it for it in found if it and {"apiVersion", "kind"} <= it.keys())
    return [it for it in documents if not it["apiVersion"].startswith(NOT_OF_THE_API_SERVER)]


FILES = {
    str(file.relative_to(DEPLOY)): file.read_text()
    for file in sorted(DEPLOY.rglob("*.yaml"))
    if not file.is_symlink()  # its target is in the chart
    and not {"templates", "resource_customizations"} & set(file.parts)
}
MANIFESTS = {name: text for name, text in FILES.items() if objects(text)}


@pytest.fixture(scope="session")
def foreign_kinds(cluster: LocalCluster) -> None:
    define_foreign_kinds(cluster)


def accepts(cluster: LocalCluster, namespace: str, text: str) -> list[str]:
    """Return the accepted objects; namespaced ones go to ``namespace``, since others need not exist."""
    found = objects(text)
    for it in found:
        if "namespace" in it["metadata"]:
            it["metadata"]["namespace"] = namespace
    done = cluster.kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        # Another test may have applied the same objects: avoid a conflict with it, and a warning.
        "--force-conflicts",
        "--field-manager=strict-validation",
        f"--namespace={namespace}",
        "-f",
        "-",
        input=yaml.safe_dump_all(found),
    )
    assert "Warning" not in done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(found)
    return [line.split("/")[0] for line in lines]


@pytest.mark.usefixtures("foreign_kinds")
@pytest.mark.parametrize("text", MANIFESTS.values(), ids=MANIFESTS)
def test_the_api_server_accepts_a_manifest(cluster: LocalCluster, namespace: str, text: str) -> None:
    assert accepts(cluster, namespace, text)


@pytest.mark.usefixtures("foreign_kinds")
@pytest.mark.parametrize("profile", ["", *sorted(file.stem for file in (CHART / "profiles").iterdir())])
def test_the_api_server_accepts_all_that_the_chart_renders(
    cluster: LocalCluster, namespace: str, profile: str
) -> None:
    words = [f"--values={CHART}/profiles/{profile}.yaml"] if profile else []
    monitors = ("podMonitor", "serviceMonitor", "prometheusRule", "dashboard")
    monitoring = "--set=" + ",".join(f"metrics.{it}=true" for it in monitors)
    rendered = cluster.helm(
        "template", "smtp-operator", str(CHART), f"--namespace={namespace}", monitoring, *words
    ).stdout

    foreign = {f"{it}.monitoring.coreos.com" for it in ("podmonitor", "servicemonitor", "prometheusrule")}
    assert foreign | {"deployment.apps"} <= set(accepts(cluster, namespace, rendered))
