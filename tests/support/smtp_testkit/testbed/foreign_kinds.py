# SPDX-License-Identifier: Apache-2.0
"""Kinds of Flux and the Prometheus operator in the control plane of the tests."""

from functools import cache

from smtp_tools.foreign_crds import definitions
from smtp_tools.localcluster import LocalCluster


@cache
def define_foreign_kinds(cluster: LocalCluster) -> None:
    """Apply their CustomResourceDefinitions once; they stay, because nothing else uses these kinds.

    Raises:
        BuildError: they could not be built; the text says why.
    """
    made = definitions()
    cluster.kubectl("apply", "--server-side", "-f", "-", input=made)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "-", input=made)
