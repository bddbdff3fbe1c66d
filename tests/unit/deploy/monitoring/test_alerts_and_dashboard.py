# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboard ask for nothing that the operator does not tell; `make test-monitoring` runs them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from smtp_operator.api.crd import KINDS
from smtp_operator.api.reasons import Reason
from smtp_operator.metrics.definitions import METRICS, Type
from smtp_operator.metrics.registry import Metrics
from smtp_operator.settings import FLAGS
from smtp_testkit.testbed.exposition import Exposition

DEPLOY = Path(__file__).parents[4] / "deploy"
MANIFESTS = DEPLOY / "manifests" / "monitoring"

VALUES: dict[str, set[str]] = {
    "kind": {kind.name for kind in KINDS},
    "reason": {str(it) for it in Reason},
    "ready": {"True", "False", "Unknown"},
    "result": {"passed", "failed"},
    "outcome": {"ok", "refused", "throttled", "failed", "unreachable"},
}
TARGET_LABELS = {"job", "instance", "namespace", "pod"}


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())["panels"]
    return found


QUERIES = [(it["alert"], it["expr"]) for it in alerts()] + [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in panels()
    for target in panel["targets"]
]

each_query = pytest.mark.parametrize(
    "query", [text for _, text in QUERIES], ids=[name for name, _ in QUERIES]
)


def names() -> dict[str, set[str]]:
    """Every name that a query may use, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = set(metric.labels)
        if metric.type is Type.HISTOGRAM:
            found |= {f"{metric.name}_{it}": labels for it in ("sum", "count")}
            found[f"{metric.name}_bucket"] = labels | {"le"}
        else:
            found[metric.name] = labels
    process = Exposition(generate_latest(Metrics(leads=lambda: True).registry).decode()).families
    for family in process.values():
        found |= {it.name: set() for it in family.samples if it.name.startswith("process_")}
    return found


def selectors(query: str) -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of each matcher."""
    for metric, matchers in re.findall(r"(\w+)\{([^}]*)\}", query):
        for label, value in re.findall(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"', matchers):
            yield metric, label, value


@each_query
def test_every_metric_in_it_is_told(query: str) -> None:
    used = set(re.findall(r"\b(?:smtp_operator|process)_\w+", query))
    assert used
    assert used <= names().keys()


@each_query
def test_every_label_in_it_exists(query: str) -> None:
    for metric, label, _ in selectors(query):
        assert label in names()[metric], f"{metric} has no label {label}"
    of_its_metrics = set[str]().union(*(names()[it] for it in re.findall(r"\b(?:smtp_operator)_\w+", query)))
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        assert {it.strip() for it in listed.split(",")} <= of_its_metrics | TARGET_LABELS


@each_query
def test_every_value_in_it_can_be(query: str) -> None:
    for _, label, value in selectors(query):
        if label in VALUES and "$" not in value:
            assert set(value.split("|")) <= VALUES[label], value


def test_every_metric_of_the_table_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    assert [metric.name for metric in METRICS if metric.name not in shown] == []


@pytest.mark.parametrize("alert", alerts(), ids=lambda it: str(it["alert"]))
def test_an_alert_says_what_is_wrong_and_how_bad_it_is(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description"}
    flags = {flag.option for flag in FLAGS} | {"--namespace"}
    assert set(re.findall(r"--[a-z-]+", alert["annotations"]["description"])) <= flags


def test_the_prometheus_rule_has_the_same_alerts() -> None:
    rule = yaml.safe_load((MANIFESTS / "20-prometheus-rule.yaml").read_text())
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"]["groups"][0]["rules"] == alerts()


def test_the_config_map_has_the_same_dashboard() -> None:
    config_map = yaml.safe_load((MANIFESTS / "30-dashboard.yaml").read_text())
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = config_map["data"].values()
    assert text == (DEPLOY / "monitoring" / "dashboard.json").read_text()


def test_the_pod_monitor_asks_the_port_that_the_deployment_has() -> None:
    monitor = yaml.safe_load((MANIFESTS / "10-pod-monitor.yaml").read_text())["spec"]
    deployment = yaml.safe_load((DEPLOY / "manifests" / "40-deployment.yaml").read_text())["spec"]["template"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = deployment["spec"]["containers"]
    assert endpoint["port"] in {it["name"] for it in container["ports"]}
    assert endpoint["honorLabels"] is True
    assert monitor["selector"]["matchLabels"].items() <= deployment["metadata"]["labels"].items()


def test_no_panel_lies_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
