# SPDX-License-Identifier: Apache-2.0
"""The notes of the chart and the guide to vaults lead to a first SmtpConfig that works."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_testkit.handbook import World, blocks_of
from smtp_testkit.handbook.world import PASSWORD, Page
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "charts" / "smtp-operator"
FIRST, LAST = "kubectl --namespace default create secret", "kubectl --namespace default get smtpconfigs"


def notes_of(cluster: LocalCluster, folder: Path, namespace: str) -> str:
    """Return what `helm install` prints after an installation."""
    words = ["install", "mail", str(CHART), "--namespace", namespace, "--dry-run=client"]
    done = subprocess.run(
        [str(cluster.helm_path), *words],
        env={"HOME": str(folder), "KUBECONFIG": str(cluster.kubeconfig)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.partition("NOTES:\n")[2]


@pytest.mark.usefixtures("linted")
def test_the_commands_of_the_notes_lead_to_a_sent_email(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    notes = notes_of(cluster, tmp_path, namespace)
    commands = notes[notes.index(FIRST) : notes.index(LAST)]
    page = Page(world="served", namespace="default", text=notes)
    with World.entered(page, folder=tmp_path / "reader", cluster=cluster, namespace=namespace) as world:
        world.run(commands.replace("REPLACE-ME", PASSWORD))
        world.run(
            "kubectl --namespace default wait --for=condition=Ready smtpconfig/corporate-mail --timeout=60s"
        )
        assert "To: you@example.com" in world.mail("corporate-mail")


def test_the_first_block_of_the_guide_to_vaults_lacks_nothing() -> None:
    block = next(it for it in blocks_of(ROOT / "docs/how-to/vaults.md") if it.language == "yaml")
    documents: list[Any] = list(yaml.safe_load_all(block.text))
    secret, vault, config = documents
    assert [it["kind"] for it in documents] == ["Secret", "SmtpVault", "SmtpConfig"]
    login = vault["spec"]["hashiCorpVault"]
    token = login["auth"]["tokenRef"]
    assert token["name"] == secret["metadata"]["name"]
    assert token["key"] in secret["stringData"]
    assert config["spec"]["password"]["hashiCorpVault"]["vaultRef"]["name"] == vault["metadata"]["name"]
    server = f"{config['spec']['server']}:{config['spec']['port']}"
    assert server in vault["spec"]["allowedServers"]
    host = login["url"].removeprefix("https://")
    bound = secret["metadata"]["annotations"]["smtp-operator.io/allowed-servers"].split(",")
    assert {server, f"{host}:443"} <= set(bound)
    assert config["spec"]["recipients"]["to"]
