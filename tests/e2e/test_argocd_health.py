# SPDX-License-Identifier: Apache-2.0
"""Argo CD's health of real objects: our scripts with statuses that the operator wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.argocd import CUSTOMIZATIONS, run
from smtp_testkit.argocd.scenarios import SCENARIOS, Scenario, ScenarioEnvironment
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, Bed, OperatorProcess
from smtp_testkit.testbed.vaults import FLAGS
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

BY_KIND = {it.kind: it for it in CUSTOMIZATIONS}
WHOLE_CLUSTER = {"ClusterSmtpVault"}
ARGOCD_CM = Path(__file__).parents[2] / "deploy" / "argocd" / "argocd-cm.yaml"


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as server:
        yield server


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(service_account, logs / "argocd.log", [*FLAGS, "--log-level=debug"]) as process:
        yield process.start()


@pytest.fixture
def stage(bed: Bed, server: MailServer, bao: OpenBao, api: Api) -> ScenarioEnvironment:
    return ScenarioEnvironment(bed, server, bao, api)


def conditions(object_: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((it["type"], it["status"], it["reason"]) for it in object_["status"].get("conditions", ()))


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(it, id=str(it), marks=[pytest.mark.alone] * (it.kind in WHOLE_CLUSTER))
        for it in SCENARIOS
    ],
)
def test_argo_cd_reads_the_state_that_an_object_is_in(scenario: Scenario, stage: ScenarioEnvironment) -> None:
    customization = BY_KIND[scenario.kind]

    found = scenario.play(stage)

    assert run(customization.health, found)["status"] == scenario.health
    # The shipped test data equals what the operator writes; to update it, run python -m smtp_testkit.argocd.
    assert conditions(customization.read(f"testdata/{scenario.name}.yaml")) == conditions(found)


def test_the_action_runs_a_test(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, suspend=True)
    changed = run(BY_KIND["SmtpConfig"].actions["test"], seen.object)
    annotations = changed["metadata"]["annotations"]

    bed.api.patch(f"{bed.configs}/mail", {"metadata": {"annotations": annotations}})

    (asked,) = annotations.values()
    assert bed.wait(lambda it: it.status.get("lastHandledTestRequest") == asked).reason == "TestEmailSent"
    assert len(server.mails) == 1


def test_patching_the_config_map_leaves_what_is_in_it_already(cluster: LocalCluster, namespace: str) -> None:
    """Patch as in the guide; kubectl apply, also with --server-side, would remove earlier keys."""
    before = {"url": "https://argocd.example.com", "resource.customizations.health.x_Y": "return {}"}
    there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": before}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(there))

    words = ["patch", "configmap", "argocd-cm", "-n", namespace, "--type=merge"]
    cluster.kubectl(*words, "--patch-file", str(ARGOCD_CM))

    data = json.loads(cluster.kubectl("get", "configmap", "argocd-cm", "-n", namespace, "-o", "json").stdout)
    assert before.items() <= data["data"].items()
    assert len(data["data"]) == len(before) + 5  # four kinds, and the action of SmtpConfig
