# SPDX-License-Identifier: Apache-2.0
"""A control plane for installing and removing: with nothing of ours to begin with, and nothing in the end."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from localcluster import LocalCluster
from testbed import Api, Object
from testbed.crd_deletions import forgotten_deletions_end
from testbed.status_watch import StatusWatch

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "charts" / "smtp-operator"

_numbers = itertools.count(1)

Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Empty: whoever installs something removes it."""
    with LocalCluster.start() as running, forgotten_deletions_end(running):
        yield running


@pytest.fixture(scope="session")
def api(cluster: LocalCluster) -> Iterator[Api]:
    """Its API server, as the administrator sees it."""
    administrator = Api(cluster.url, cluster.ca_file, cluster.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture(scope="session")
def statuses(api: Api) -> Iterator[StatusWatch]:
    """Every status written there."""
    with StatusWatch.following(api) as watch:
        yield watch


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """A fresh namespace under Pod Security restricted."""
    name = f"install-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    modes = (f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn"))
    cluster.kubectl("label", "namespace", name, *modes)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def render(cluster: LocalCluster) -> Render:
    """What `helm template` renders in namespace `mail` with these words, such as `--set a=b`."""

    def rendered(*words: str) -> list[Object]:
        command = ["template", "smtp-operator", str(CHART), "--namespace=mail", *words]
        return [it for it in yaml.safe_load_all(cluster.helm(*command).stdout) if it]

    return rendered
