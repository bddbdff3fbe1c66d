# SPDX-License-Identifier: Apache-2.0
"""Rights that were just granted: the API server hears of its own roles a moment later."""

from localcluster import LocalCluster
from testbed.waiting import until


def wait_for_right(cluster: LocalCluster, namespace: str, account: str, verb: str, resource: str) -> None:
    """Returns once a ServiceAccount may do that in its namespace."""
    user = f"--as=system:serviceaccount:{namespace}:{account}"
    words = ["auth", "can-i", verb, resource, user, f"--namespace={namespace}"]
    until(lambda: cluster.kubectl(*words, check=False).returncode == 0, "the role never counted")
