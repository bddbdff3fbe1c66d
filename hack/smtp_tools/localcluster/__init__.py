# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kubectl, helm.

    with LocalCluster.start() as cluster:
        cluster.kubectl("get", "namespaces")

`python -m localcluster --help` is the same for the command line.
"""

from localcluster.assets import Assets, find_assets
from localcluster.cluster import LocalCluster
from localcluster.errors import ClusterError, KubectlError

__all__ = ["Assets", "ClusterError", "KubectlError", "LocalCluster", "find_assets"]
