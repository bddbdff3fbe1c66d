# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kubectl, helm.

    with LocalCluster.start() as cluster:
        cluster.kubectl("get", "namespaces")

`python -m smtp_tools.localcluster --help` describes the command line.
"""

from smtp_tools.localcluster.assets import Assets, find_assets
from smtp_tools.localcluster.cluster import LocalCluster
from smtp_tools.localcluster.errors import ClusterError, KubectlError

__all__ = ["Assets", "ClusterError", "KubectlError", "LocalCluster", "find_assets"]
