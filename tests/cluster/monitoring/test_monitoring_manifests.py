# SPDX-License-Identifier: Apache-2.0
"""``kubectl apply -f deploy/manifests/monitoring/`` with the kinds of the Prometheus operator.

The CRDs are those of the Prometheus operator. Prometheus itself checks the rules (`make test-monitoring`).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_testkit.testbed.foreign_kinds import define_foreign_kinds
from smtp_tools.localcluster import KubectlError, LocalCluster

FOLDER = Path(__file__).parents[3] / "deploy" / "manifests" / "monitoring"
NAMESPACE = "smtp-operator-system"


@pytest.fixture
def prometheus_operator(cluster: LocalCluster) -> Iterator[None]:
    """Install the foreign kinds, and create the namespace that the manifests use."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(namespace))
    define_foreign_kinds(cluster)
    yield
    cluster.kubectl("delete", "--ignore-not-found", "-f", str(FOLDER))


@pytest.mark.usefixtures("prometheus_operator")
def test_they_apply_as_they_are(cluster: LocalCluster) -> None:
    applied = cluster.kubectl("apply", "--validate=strict", "-f", str(FOLDER)).stdout
    assert [line.split()[0] for line in applied.splitlines()] == [
        "podmonitor.monitoring.coreos.com/smtp-operator",
        "prometheusrule.monitoring.coreos.com/smtp-operator",
        "configmap/smtp-operator-dashboard",
    ]


@pytest.mark.usefixtures("prometheus_operator")
@pytest.mark.parametrize(
    ("file", "field", "unknown", "path"),
    [
        ("10-pod-monitor.yaml", "honorLabels:", "keepLabels:", "spec.podMetricsEndpoints[0].keepLabels"),
        ("20-prometheus-rule.yaml", "for:", "during:", "spec.groups[0].rules[0].during"),
    ],
)
def test_a_field_that_the_prometheus_operator_does_not_know_is_refused(
    cluster: LocalCluster, file: str, field: str, unknown: str, path: str
) -> None:
    text = (FOLDER / file).read_text().replace(field, unknown)
    with pytest.raises(KubectlError) as caught:
        cluster.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", "-", input=text)
    assert f'unknown field "{path}"' in str(caught.value)


@pytest.mark.usefixtures("prometheus_operator")
def test_a_value_that_the_prometheus_operator_does_not_take_is_refused(cluster: LocalCluster) -> None:
    text = (FOLDER / "20-prometheus-rule.yaml").read_text().replace("for: 5m", "for: five minutes")
    with pytest.raises(KubectlError, match=r"spec\.groups\[0\]\.rules\[0\]\.for in body should match"):
        cluster.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", "-", input=text)
