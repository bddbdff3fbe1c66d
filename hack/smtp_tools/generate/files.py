# SPDX-License-Identifier: Apache-2.0
"""The generated files and their sources."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from smtp_operator.api.crd import KINDS
from smtp_testkit.argocd.customizations import as_text, config_map
from smtp_testkit.conformance.reference import conformance_reference
from smtp_tools.generate.chart import CHART, flags_file, values_file, values_reference
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

_KUSTOMIZATION = """\
# SPDX-License-Identifier: Apache-2.0
# For deploy/kustomize/base. kubectl apply -f ignores this file. Run `make generate`.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
"""


def generated_files() -> dict[str, str]:
    """Return the text of every generated file by its path below the root."""
    crds = {f"crds/{kind.plural}.yaml": MADE_OF_MODELS + to_yaml(kind.crd()) for kind in KINDS}
    policies = {
        # Each file starts with ---, so that the files of deploy/manifests/ can be concatenated.
        f"policies/{number}0-{name}.yaml": MADE_OF_MODELS + "".join(f"---\n{to_yaml(it)}" for it in documents)
        for number, (name, documents) in enumerate(policy_groups().items(), 1)
    }
    monitoring = {
        f"monitoring/{name}": MADE_OF_MONITORING + to_yaml(document)
        for name, document in monitoring_manifests().items()
    }
    of_chart = {
        **crds,
        **policies,
        **monitoring,
        "crds/Kustomization": kustomization(crds),
        "policies/Kustomization": kustomization(policies),
    }
    return {
        **{f"{CHART}/files/{path}": text for path, text in of_chart.items()},
        f"{CHART}/files/flags.yaml": flags_file(),
        f"{CHART}/values.yaml": values_file(),
        **{
            f"deploy/schemas/{kind.name.lower()}.schema.json": json.dumps(kind.json_schema(), indent=2) + "\n"
            for kind in KINDS
        },
        "deploy/monitoring/dashboard.json": dashboard(),
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


def kustomization(paths: Iterable[str]) -> str:
    """Return a Kustomization of the files in its folder."""
    return _KUSTOMIZATION + "".join(f"  - {PurePath(path).name}\n" for path in paths)


def generated_links() -> dict[str, str]:
    """Return the target of every symbolic link by its path below the root.

    The files are in the chart, since neither Helm without a notice nor Flux follows links out of a chart.
    """
    found = {
        **{f"deploy/crds/{kind.plural}.yaml": f"crds/{kind.plural}.yaml" for kind in KINDS},
        # After the roles of users, and before the operator starts.
        **{
            f"deploy/manifests/3{number}-policy-{name}.yaml": f"policies/{number}0-{name}.yaml"
            for number, name in enumerate(policy_groups(), 1)
        },
        **{
            f"deploy/manifests/monitoring/{name}": f"monitoring/{name}"
            for name in ("10-pod-monitor.yaml", *monitoring_manifests())
        },
    }
    return {link: os.path.relpath(CHART / "files" / file, Path(link).parent) for link, file in found.items()}


def stale_links(root: Path, links: Mapping[str, str]) -> list[str]:
    """Return the links that are missing or have another target below ``root``."""
    return [
        path
        for path, target in links.items()
        if not (root / path).is_symlink() or (root / path).readlink() != Path(target)
    ]


def stale_files(root: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files that are missing or different below ``root``."""
    return [
        path
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]
