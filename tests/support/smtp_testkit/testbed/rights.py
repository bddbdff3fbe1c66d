# SPDX-License-Identifier: Apache-2.0
"""Waits for new permissions: the API server reads new roles with a short delay."""

from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster


def wait_for_right(cluster: LocalCluster, namespace: str, account: str, verb: str, resource: str) -> None:
    """Wait until a ServiceAccount has a permission in its namespace."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    words = ["auth", "can-i", verb, resource, user, f"--namespace={namespace}"]
    until(lambda: cluster.kubectl(*words, check=False).returncode == 0, "the role never counted")
