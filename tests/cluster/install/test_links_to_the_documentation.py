# SPDX-License-Identifier: Apache-2.0
"""With `docsURL`, alerts link to runbooks; the notes of the chart lead to a SmtpConfig that works."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from smtp_tools.localcluster import LocalCluster

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "charts" / "smtp-operator"


def test_alerts_link_to_their_runbooks_if_a_site_is_configured(render: Render) -> None:
    def annotations(*words: str) -> dict[str, dict[str, str]]:
        documents = render("--set", "metrics.prometheusRule=true", *words)
        (rules,) = [it for it in documents if it["kind"] == "PrometheusRule"]
        alerts = (rule for group in rules["spec"]["groups"] for rule in group["rules"])
        return {alert["alert"]: alert["annotations"] for alert in alerts}

    assert not any("runbook_url" in it for it in annotations().values())
    linked = annotations("--set", "docsURL=https://docs.example.com/")
    assert len(linked) == 10
    for name, it in linked.items():
        assert it["runbook_url"] == f"https://docs.example.com/runbooks/{name}.html"
        assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()


def test_the_notes_create_the_secret_before_a_smtpconfig_with_recipients(
    cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    command = [
        str(cluster.helm_path),
        "install",
        "mail",
        str(CHART),
        "--namespace",
        namespace,
        "--dry-run=client",
    ]
    environment = {"HOME": str(tmp_path), "KUBECONFIG": str(cluster.kubeconfig)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    notes = done.stdout.partition("NOTES:")[2]
    assert 0 < notes.index("create secret generic smtp-password") < notes.index("kind: SmtpConfig")
    assert notes.index("password: {secretRef: {name: smtp-password}}") < notes.index("recipients: {to: [")
