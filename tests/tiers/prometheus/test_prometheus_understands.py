# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus and promtool accept metrics, alerts, and every query of the dashboard."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from smtp_tools.monitoring import Prometheus, program

ROOT = Path(__file__).parents[3]
ALERTS = {
    line.partition(": ")[2]
    for line in (ROOT / "deploy" / "monitoring" / "alerts.yaml").read_text().splitlines()
    if "- alert: " in line
}
DASHBOARD = json.loads((ROOT / "deploy" / "monitoring" / "dashboard.json").read_text())
TARGETS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]


def promtool(*words: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [program("promtool"), *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_the_alerts_keep_what_their_unit_tests_say() -> None:
    done = promtool("test", "rules", Path(__file__).with_name("alerts_test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_unit_test() -> None:
    tests = Path(__file__).with_name("alerts_test.yaml").read_text()
    assert {name for name in ALERTS if f"alertname: {name}\n" not in tests} == set()


def test_the_metrics_are_as_prometheus_wants_them(prometheus: Prometheus) -> None:
    done = promtool("check", "metrics", text=prometheus.scraped())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("expression", TARGETS)
def test_every_query_of_the_dashboard_gives_a_series(prometheus: Prometheus, expression: str) -> None:
    query = expression.replace("$namespace", ".*").replace("$__rate_interval", "30s")
    assert "$" not in query
    assert prometheus.wait(query)


def test_its_variable_has_values(prometheus: Prometheus) -> None:
    (query,) = (it["query"] for it in DASHBOARD["templating"]["list"] if it["name"] == "namespace")
    assert query == "label_values(smtp_operator_object_ready, namespace)"
    found = prometheus.wait("group by (namespace) (smtp_operator_object_ready)")
    assert "prometheus-tier" in {it["metric"]["namespace"] for it in found}


def test_every_alert_can_be_evaluated(prometheus: Prometheus) -> None:
    prometheus.wait("smtp_operator_leader")
    rules: list[dict[str, Any]] = prometheus.wait_rules()
    assert {it["name"] for it in rules} == ALERTS
    assert {it["name"]: it.get("lastError") for it in rules if it["health"] != "ok"} == {}


def test_an_object_that_failed_is_pending(prometheus: Prometheus) -> None:
    found = prometheus.wait('ALERTS{alertname="SmtpConfigNotReady", name="fails"}')
    assert [it["metric"]["namespace"] for it in found] == ["prometheus-tier"]
