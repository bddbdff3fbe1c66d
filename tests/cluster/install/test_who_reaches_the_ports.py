# SPDX-License-Identifier: Apache-2.0
"""Attack: any Pod of the cluster reads the metrics, or blocks the ports that the kubelet probes.

The default installation allows only clients in a NetworkPolicy. Kubernetes always allows the kubelet of the
Pod's node, so its probes need no rule.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from smtp_testkit.testbed import Object

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

DEPLOY = Path(__file__).parents[3] / "deploy"
METRICS = {"protocol": "TCP", "port": 8080}
HEALTH = {"protocol": "TCP", "port": 8081}
LABELLED = [{"namespaceSelector": {"matchLabels": {"metrics": "enabled"}}}]


def policies(documents: list[Object]) -> list[Object]:
    return [it["spec"] for it in documents if it and it["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("folder", ["manifests", "manifests/namespaced"])
def test_plain_manifests_let_in_only_whom_a_network_policy_names(folder: str) -> None:
    files = (DEPLOY / folder).glob("*.yaml")
    documents = [it for file in files for it in yaml.safe_load_all(file.read_text())]
    (deployment,) = (it for it in documents if it and it["kind"] == "Deployment")

    (policy,) = policies(documents)

    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"ports": [METRICS], "from": LABELLED}]
    pod = deployment["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= pod.items()


def test_the_chart_lets_in_only_whom_a_network_policy_names(render: Render) -> None:
    (policy,) = policies(render())

    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"ports": [METRICS], "from": LABELLED}]


@pytest.mark.parametrize(
    ("settings", "types", "ingress"),
    [
        ("metrics.port=9090", ["Ingress"], [{"ports": [METRICS | {"port": 9090}], "from": LABELLED}]),
        ("networkPolicy.metricsFrom=[]", ["Ingress"], [{"ports": [METRICS]}]),
        (
            "networkPolicy.healthFrom=[{podSelector: {}}]",
            ["Ingress"],
            [
                {"ports": [HEALTH], "from": [{"podSelector": {}}]},
                {"ports": [METRICS], "from": LABELLED},
            ],
        ),
        ("metrics.enabled=false", ["Ingress"], []),
        ("networkPolicy.enabled=true", ["Ingress", "Egress"], [{"ports": [METRICS], "from": LABELLED}]),
    ],
)
def test_who_is_let_in(render: Render, settings: str, types: list[str], ingress: list[Object]) -> None:
    name, _, value = settings.partition("=")
    (policy,) = policies(render("--set-json", f"{name}={json.dumps(yaml.safe_load(value))}"))

    assert (policy["policyTypes"], policy["ingress"]) == (types, ingress)


def test_both_directions_can_be_left_to_others(render: Render) -> None:
    assert policies(render("--set", "networkPolicy.ingress=false")) == []
    (egress,) = policies(render("--set", "networkPolicy.ingress=false,networkPolicy.enabled=true"))
    assert egress["policyTypes"] == ["Egress"]
    assert "ingress" not in egress
