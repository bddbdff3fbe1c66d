# SPDX-License-Identifier: Apache-2.0
"""Kinds of other projects in the control plane of the tests.

The definitions of Flux and the Prometheus operator are the real ones. Those of the other projects accept any
content: the tests only check that a manifest is an object.
"""

import json
from functools import cache
from typing import Any

from smtp_tools.foreign_crds import definitions
from smtp_tools.localcluster import LocalCluster

OTHERS = (
    ("argoproj.io", "v1alpha1", "Application", "applications"),
    ("bitnami.com", "v1alpha1", "SealedSecret", "sealedsecrets"),
    ("external-secrets.io", "v1", "ExternalSecret", "externalsecrets"),
    ("tekton.dev", "v1", "Task", "tasks"),
)
"""Group, version, kind and plural of kinds that accept any content."""


@cache
def define_foreign_kinds(cluster: LocalCluster) -> None:
    """Apply their CustomResourceDefinitions once; they stay, because nothing else uses these kinds.

    Raises:
        BuildError: they could not be built; the text says why.
    """
    others = {"apiVersion": "v1", "kind": "List", "items": [_any_content(*it) for it in OTHERS]}
    for made in (definitions(), json.dumps(others)):
        cluster.kubectl("apply", "--server-side", "-f", "-", input=made)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "-", input=made)


def _any_content(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
