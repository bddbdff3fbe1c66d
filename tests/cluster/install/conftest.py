# SPDX-License-Identifier: Apache-2.0
"""A control plane for installing and removing, without any object of this project before and after."""

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from smtp_testkit.testbed import Object
from smtp_tools.localcluster import KubectlError, LocalCluster, find_assets

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "charts" / "smtp-operator"

_numbers = itertools.count(1)

Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def cluster(plane: LocalCluster) -> LocalCluster:
    """Return an empty cluster; each test removes what it installs."""
    return plane


@pytest.fixture
def namespace(cluster: LocalCluster) -> Iterator[str]:
    """A new namespace with Pod Security `restricted`."""
    name = f"install-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    modes = (f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn"))
    cluster.kubectl("label", "namespace", name, *modes)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return the output of a helm command that needs no cluster."""
    program = find_assets().helm
    environment = {"PATH": os.defpath, "HOME": str(tmp_path_factory.mktemp("helm"))}

    def printed(*words: str) -> str:
        command = [str(program), *words]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise KubectlError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    return printed


@pytest.fixture
def render(helm: Callable[..., str]) -> Render:
    """Return what `helm template` renders in namespace `mail` with these arguments, such as `--set a=b`."""

    def rendered(*words: str) -> list[Object]:
        command = ["template", "smtp-operator", str(CHART), "--namespace=mail", *words]
        return [it for it in yaml.safe_load_all(helm(*command)) if it]

    return rendered
