# SPDX-License-Identifier: Apache-2.0
"""Monitoring of the operator: the dashboard, and alerts and dashboard as Kubernetes objects."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from smtp_operator.metrics.definitions import (
    API_REQUESTS,
    BUILD_INFO,
    CERTIFICATE_EXPIRY,
    DELIVERY_LATENCY,
    HELD_TESTS,
    LEADER,
    OBJECT_DELIVERED,
    OBJECT_READY,
    OBJECTS,
    OVERSIZED_OBJECTS,
    PHASE_SECONDS,
    PUBLISHED_PROVEN,
    QUEUE_DEPTH,
    QUEUE_OLDEST,
    QUEUE_RUNNING,
    REJECTED_LOGINS,
    STATUS_CONFLICTS,
    TEST_SECONDS,
    TESTS,
    VAULT_CALLS,
    VAULT_SECONDS,
)

Object = dict[str, Any]
Kind = Literal["stat", "timeseries", "table"]

ALERTS: Final = Path(__file__).parents[3] / "deploy" / "monitoring" / "alerts.yaml"
NAMESPACE: Final = "smtp-operator-system"
LABELS: Final = {"app.kubernetes.io/name": "smtp-operator"}

_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_OF_THESE: Final = 'namespace=~"$namespace"'
_WIDTH: Final = 24
_HEIGHT: Final = 8


@dataclass(frozen=True)
class Panel:
    """A panel of the dashboard.

    Attributes:
        title: Title of the panel.
        queries: PromQL queries, each with its legend.
        unit: Grafana's name of the unit.
        kind: Grafana's type of the panel.
        width: Number of the 24 columns.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = 8


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def _quantile(quantile: float, metric: str, by: str) -> str:
    return f"histogram_quantile({quantile:g}, {_rate(f'{metric}_bucket', f'le, {by}')})"


def _of_process(metric: str) -> str:
    return f"{metric} * on (instance, job) group_left () {BUILD_INFO.name}"


PANELS: Final = (
    Panel("Ready", ((f'sum({OBJECTS.name}{{ready="True"}})', ""),), kind="stat", width=4),
    Panel("Not ready", ((f'sum({OBJECTS.name}{{ready="False"}})', ""),), kind="stat", width=4),
    Panel("Not tested", ((f'sum({OBJECTS.name}{{ready="Unknown"}})', ""),), kind="stat", width=4),
    Panel("Active replicas", ((f"sum({LEADER.name})", ""),), kind="stat", width=4),
    Panel("Release", ((f"count by (version) ({BUILD_INFO.name})", "{{version}}"),), kind="stat", width=8),
    Panel(
        "Objects that are not ready",
        ((f"{OBJECT_READY.name}{{{_OF_THESE}}} == 0", "{{kind}} {{namespace}}/{{name}}"),),
        kind="table",
        width=12,
    ),
    Panel(
        "Certificates by time to expiry",
        ((f"sort({CERTIFICATE_EXPIRY.name}{{{_OF_THESE}}} - time())", "{{namespace}}/{{name}}"),),
        unit="s",
        kind="table",
        width=12,
    ),
    Panel(
        "Published settings by age",
        ((f"sort_desc(time() - {PUBLISHED_PROVEN.name}{{{_OF_THESE}}})", "{{namespace}}/{{name}}"),),
        unit="s",
        kind="table",
        width=12,
    ),
    Panel("Tests by result", ((_rate(TESTS.name, "mode, result"), "{{mode}} {{result}}"),), unit="cps"),
    Panel(
        "Failures by reason",
        ((f'sum by (reason) (rate({TESTS.name}{{result="failed"}}[$__rate_interval]))', "{{reason}}"),),
        unit="cps",
    ),
    Panel("Tests by trigger", ((_rate(TESTS.name, "trigger"), "{{trigger}}"),), unit="cps"),
    Panel(
        "Test duration",
        tuple(
            (_quantile(it, TEST_SECONDS.name, "mode"), f"{{{{mode}}}} p{it * 100:g}") for it in (0.5, 0.95)
        ),
        unit="s",
    ),
    Panel("Phase duration (p95)", ((_quantile(0.95, PHASE_SECONDS.name, "phase"), "{{phase}}"),), unit="s"),
    Panel(
        "Queue",
        ((f"sum({QUEUE_DEPTH.name})", "due"), (f"sum({QUEUE_RUNNING.name})", "running")),
    ),
    Panel("Longest wait in the queue", ((f"max({QUEUE_OLDEST.name})", "oldest"),), unit="s"),
    Panel(
        "Requests to vaults",
        ((_rate(VAULT_CALLS.name, "provider, outcome"), "{{provider}} {{outcome}}"),),
        unit="cps",
    ),
    Panel(
        "Vault request duration (p95)",
        ((_quantile(0.95, VAULT_SECONDS.name, "provider"), "{{provider}}"),),
        unit="s",
    ),
    Panel(
        "Requests to the API server",
        ((_rate(API_REQUESTS.name, "method, code"), "{{method}} {{code}}"),),
        unit="cps",
    ),
    Panel(
        "Status write conflicts",
        ((f"sum(rate({STATUS_CONFLICTS.name}[$__rate_interval]))", "conflicts"),),
        unit="cps",
    ),
    Panel(
        "Tests delayed by limits",
        ((_rate(HELD_TESTS.name, "reason"), "{{reason}}"),),
        unit="cps",
    ),
    Panel(
        "Rejected logins",
        ((f"sum(rate({REJECTED_LOGINS.name}[$__rate_interval]))", "rejected"),),
        unit="cps",
    ),
    Panel(
        "Time until an email arrives (p95)",
        ((_quantile(0.95, DELIVERY_LATENCY.name, "folder"), "{{folder}}"),),
        unit="s",
    ),
    Panel(
        "Emails that do not arrive",
        ((f"count({OBJECT_DELIVERED.name}{{{_OF_THESE}}} == 0)", "SmtpConfigs"),),
    ),
    Panel(
        "Oversized objects",
        ((_rate(OVERSIZED_OBJECTS.name, "resource"), "{{resource}}"),),
        unit="cps",
    ),
    Panel("Memory", ((_of_process("process_resident_memory_bytes"), "{{instance}}"),), unit="bytes"),
    Panel(
        "CPU",
        ((_of_process("rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}"),),
        unit="percentunit",
    ),
)


def dashboard() -> str:
    """Return the Grafana dashboard as JSON."""
    return json.dumps(_dashboard(), indent=2) + "\n"


def monitoring_manifests() -> dict[str, Object]:
    """Return the objects for the Prometheus operator and Grafana's sidecar, by file name."""
    return {
        "20-prometheus-rule.yaml": {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "smtp-operator", "namespace": NAMESPACE, "labels": LABELS},
            "spec": yaml.safe_load(ALERTS.read_text(encoding="utf-8")),
        },
        "30-dashboard.yaml": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "smtp-operator-dashboard",
                "namespace": NAMESPACE,
                "labels": LABELS | {"grafana_dashboard": "1"},
            },
            "data": {"smtp-operator.json": dashboard()},
        },
    }


def _dashboard() -> Object:
    return {
        "title": "smtp-operator",
        "uid": "smtp-operator",
        "tags": ["smtp-operator"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
                {
                    "name": "namespace",
                    "label": "Namespace",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": f"label_values({OBJECT_READY.name}, namespace)",
                    "refresh": 2,
                    "includeAll": True,
                    "allValue": ".*",
                    "multi": True,
                    "current": {"text": "All", "value": "$__all"},
                },
            ]
        },
        "panels": list(_placed()),
    }


def _placed() -> list[Object]:
    panels: list[Object] = []
    x = y = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + _HEIGHT
        panels.append(
            {
                "id": number,
                "title": panel.title,
                "type": panel.kind,
                "datasource": _SOURCE,
                "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT},
                "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
                "targets": [
                    {
                        "refId": chr(ord("A") + index),
                        "datasource": _SOURCE,
                        "expr": expression,
                        "legendFormat": legend,
                        "instant": panel.kind != "timeseries",
                        "range": panel.kind == "timeseries",
                        **({"format": "table"} if panel.kind == "table" else {}),
                    }
                    for index, (expression, legend) in enumerate(panel.queries)
                ],
            }
        )
        x += panel.width
    return panels
