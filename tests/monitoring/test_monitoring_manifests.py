# SPDX-License-Identifier: Apache-2.0
"""``kubectl apply -f deploy/manifests/monitoring/`` where the kinds of the Prometheus operator exist.

Its own CRDs are not at hand here: these have its names and take any field, so that what a PodMonitor and a
PrometheusRule may hold is not judged. Prometheus itself judges the rules (`make test-monitoring`).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster import LocalCluster
from testbed import Api

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "manifests" / "monitoring"
GROUP = "monitoring.coreos.com"
NAMESPACE = "smtp-operator-system"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(kind: str, plural: str) -> dict[str, object]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


@pytest.fixture
def prometheus_operator(cluster: LocalCluster, api: Api) -> Iterator[None]:
    """Its kinds, and the namespace that the manifests speak of."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    names = {"PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}
    for kind, plural in names.items():
        api.create(DEFINITIONS, definition(kind, plural))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    yield
    for plural in names.values():
        api.delete(f"{DEFINITIONS}/{plural}.{GROUP}")
    cluster.kubectl("delete", "configmap", "smtp-operator-dashboard", f"--namespace={NAMESPACE}")


@pytest.mark.usefixtures("prometheus_operator")
def test_they_apply_as_they_are(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "--validate=strict", "-f", str(FOLDER)).stdout
    assert [line.split()[0] for line in applied.splitlines()] == [
        "podmonitor.monitoring.coreos.com/smtp-operator",
        "prometheusrule.monitoring.coreos.com/smtp-operator",
        "configmap/smtp-operator-dashboard",
    ]
