# SPDX-License-Identifier: Apache-2.0
"""A cluster that each release has run in, and that is upgraded to this one."""

from collections.abc import Iterator

import pytest

from localcluster import LocalCluster
from testbed import Api
from testbed.crd_deletions import forgotten_deletions_end
from testbed.status_watch import StatusWatch


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """With nothing of ours to begin with."""
    with LocalCluster.start() as running, forgotten_deletions_end(running):
        yield running


@pytest.fixture(scope="module")
def api(cluster: LocalCluster) -> Iterator[Api]:
    """Its API server, as the administrator sees it."""
    administrator = Api(cluster.url, cluster.ca_file, cluster.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture(scope="module")
def statuses(api: Api) -> Iterator[StatusWatch]:
    """Every status written there."""
    with StatusWatch.following(api) as watch:
        yield watch
