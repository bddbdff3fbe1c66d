# SPDX-License-Identifier: Apache-2.0
"""With `docsURL`, alerts link to runbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render

ROOT = Path(__file__).parents[3]


def test_alerts_link_to_their_runbooks_if_a_site_is_configured(render: Render) -> None:
    def annotations(*words: str) -> dict[str, dict[str, str]]:
        documents = render("--set", "metrics.prometheusRule=true", *words)
        (rules,) = [it for it in documents if it["kind"] == "PrometheusRule"]
        alerts = (rule for group in rules["spec"]["groups"] for rule in group["rules"])
        return {alert["alert"]: alert["annotations"] for alert in alerts}

    unlinked = annotations()
    assert not any("runbook_url" in it for it in unlinked.values())
    linked = annotations("--set", "docsURL=https://docs.example.com/")
    assert linked.keys() == unlinked.keys() != set()
    for name, it in linked.items():
        assert it["runbook_url"] == f"https://docs.example.com/runbooks/{name}.html"
        assert (ROOT / "docs" / "runbooks" / f"{name}.md").is_file()
