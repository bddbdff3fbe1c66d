# SPDX-License-Identifier: Apache-2.0
"""The permission to publish, as the chart's ``publish.namespaces`` gives it."""

from smtp_testkit.testbed import Bed

RBAC = "rbac.authorization.k8s.io"


def permit_publishing(bed: Bed, operator_user: str) -> None:
    """Create the Role of ``publish.namespaces`` in the namespace of the bed."""
    path, name = f"/apis/{RBAC}/v1/namespaces/{bed.namespace}", "smtp-operator-publish"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "get", "update", "delete"]}
    bed.api.create(f"{path}/roles", {"metadata": {"name": name}, "rules": [rule]})
    subject = {"apiGroup": RBAC, "kind": "User", "name": operator_user}
    reference = {"apiGroup": RBAC, "kind": "Role", "name": name}
    body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    bed.api.create(f"{path}/rolebindings", body)
