# SPDX-License-Identifier: Apache-2.0
"""A cluster that each release has run in, and that is upgraded to this one."""

import pytest

from smtp_tools.localcluster import LocalCluster


@pytest.fixture(scope="session")
def cluster(plane: LocalCluster) -> LocalCluster:
    """With nothing of ours to begin with, and in the end."""
    return plane
