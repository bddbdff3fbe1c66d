# SPDX-License-Identifier: Apache-2.0
"""Rights that were just granted: the API server hears of its own roles a moment later."""

from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster


def wait_for_right(cluster: LocalCluster, namespace: str, account: str, verb: str, resource: str) -> None:
    """Returns once a ServiceAccount may do that in its namespace."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    words = ["auth", "can-i", verb, resource, user, f"--namespace={namespace}"]
    until(lambda: cluster.kubectl(*words, check=False).returncode == 0, "the role never counted")
