# SPDX-License-Identifier: Apache-2.0
"""Kinds of Flux and the Prometheus operator, as they define them, in the control plane of the tests."""

from functools import cache

from smtp_tools.foreign_crds import definitions
from smtp_tools.localcluster import LocalCluster


@cache
def define_foreign_kinds(cluster: LocalCluster) -> None:
    """Applies their CustomResourceDefinitions, once; they may stay, since nothing else knows these kinds.

    Raises:
        BuildError: they are not to be had; the text says why.
    """
    made = definitions()
    cluster.kubectl("apply", "--server-side", "-f", "-", input=made)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "-", input=made)
