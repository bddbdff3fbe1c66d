# SPDX-License-Identifier: Apache-2.0
"""The generated files and their sources."""

import json
from collections.abc import Mapping
from pathlib import Path

from smtp_operator.api.crd import KINDS
from smtp_testkit.argocd.customizations import as_text, config_map
from smtp_testkit.conformance.reference import conformance_reference
from smtp_tools.generate.chart import CHART, ROOT, values_file, values_reference
from smtp_tools.generate.monitoring import dashboard, monitoring_manifests
from smtp_tools.generate.plugin import plugin_reference
from smtp_tools.generate.policies import policy_groups
from smtp_tools.generate.reason_pages import reason_pages
from smtp_tools.generate.reference import (
    MADE,
    field_reference,
    flag_reference,
    metric_reference,
    reason_reference,
    schedule_reference,
    vault_field_reference,
)
from smtp_tools.generate.text import to_yaml

MADE_OF_MODELS = (
    "# SPDX-License-Identifier: Apache-2.0\n# Generated from operator/api/; run `make generate`.\n"
)
MADE_OF_MONITORING = (
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Generated from deploy/monitoring/alerts.yaml and "
    "hack/smtp_tools/generate/monitoring.py; run `make generate`.\n"
)
MADE_OF_LUA = (
    "# SPDX-License-Identifier: Apache-2.0\n# Generated from resource_customizations/; run `make generate`.\n"
    "# Merge this into the existing argocd-cm; do not apply it. See docs/how-to/gitops.md.\n"
)

MANIFESTS = ROOT / "deploy" / "manifests"
POD_MONITOR = "monitoring/10-pod-monitor.yaml"


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its path below the root."""
    crds = {f"crds/{kind.plural}.yaml": MADE_OF_MODELS + to_yaml(kind.crd()) for kind in KINDS}
    policies = {
        name: MADE_OF_MODELS + "---\n".join(map(to_yaml, documents))
        for name, documents in policy_groups().items()
    }
    monitoring = {
        f"monitoring/{name}": MADE_OF_MONITORING + to_yaml(document)
        for name, document in monitoring_manifests().items()
    }
    of_chart = {
        **crds,
        **{f"policies/{number}0-{name}.yaml": policies[name] for number, name in enumerate(policies, 1)},
        **monitoring,
        POD_MONITOR: (MANIFESTS / POD_MONITOR).read_text("utf-8"),
    }
    return {
        **{f"deploy/{path}": text for path, text in crds.items()},
        # After the roles of users, and before the operator starts. Files of this folder can be concatenated.
        **{
            f"deploy/manifests/{number}-policy-{name}.yaml": policies[name].replace(
                MADE_OF_MODELS, f"{MADE_OF_MODELS}---\n"
            )
            for number, name in enumerate(policies, 31)
        },
        **{f"{CHART}/files/{path}": text for path, text in of_chart.items()},
        f"{CHART}/values.yaml": values_file(),
        **{
            f"deploy/schemas/{kind.name.lower()}.schema.json": json.dumps(kind.json_schema(), indent=2) + "\n"
            for kind in KINDS
        },
        **{f"deploy/manifests/{path}": text for path, text in monitoring.items()},
        "deploy/monitoring/dashboard.json": dashboard(),
        "deploy/kustomize/base/crds.yaml": "---\n".join(crds.values()),
        "deploy/kustomize/base/policies.yaml": "---\n".join(policies.values()),
        "docs/reference/chart-values.md": values_reference(),
        "deploy/argocd/argocd-cm.yaml": MADE_OF_LUA + as_text(config_map()),
        "docs/reference/fields.md": field_reference(),
        "docs/reference/vault-fields.md": vault_field_reference(),
        "docs/reference/reasons.md": reason_reference(),
        **reason_pages(),
        "docs/reference/flags.md": flag_reference(),
        "docs/reference/kubectl-smtp.md": plugin_reference(),
        "docs/reference/password-sources.md": f"{MADE}\n{conformance_reference()}",
        "docs/reference/metrics.md": metric_reference(),
        "docs/reference/schedule.md": schedule_reference(),
    }


def stale_files(root: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files that are missing or different below ``root``."""
    return [
        path
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]
