# SPDX-License-Identifier: Apache-2.0
"""A cluster in which each release has run, and which is upgraded to this one."""

import pytest

from smtp_tools.localcluster import LocalCluster


@pytest.fixture(scope="session")
def cluster(plane: LocalCluster) -> LocalCluster:
    """A control plane without our objects before and after."""
    return plane
