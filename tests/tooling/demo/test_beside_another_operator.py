# SPDX-License-Identifier: Apache-2.0
"""`make demo CONTEXT=NAME` in a cluster with an operator, which would also test the samples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smtp_tools.paths import PYTHONPATH

ROOT = Path(__file__).parents[3]

KUBECTL = """\
#!/bin/sh
case "$*" in
*"config view"*) cat {folder}/config.json ;;
*"get customresourcedefinition"*) ;;
*"get deployments"*) cat {folder}/deployments.json ;;
*) echo "$*" >> {folder}/done.txt ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    """The folder of a kubectl that knows one cluster and records the commands that it gets."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL.format(folder=tmp_path))
    program.chmod(0o755)
    cluster = {"name": "far", "cluster": {"server": "https://far.example.com"}}
    (tmp_path / "config.json").write_text(json.dumps({"clusters": [cluster]}))
    metadata = {"namespace": "mail", "name": "smtp-operator"}
    deployments = [{"metadata": metadata, "status": {"readyReplicas": 1}}]
    (tmp_path / "deployments.json").write_text(json.dumps({"items": deployments}))
    return tmp_path


def test_it_names_the_operator_and_changes_nothing(kubectl: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "PATH": f"{kubectl}:{os.environ['PATH']}"}

    refused = subprocess.run(
        [sys.executable, "-m", "smtp_tools.demo", "--context", "far", "--yes"],
        check=False,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert refused.returncode == 1
    assert "an operator already runs in this cluster (Deployment mail/smtp-operator)" in refused.stderr
    assert not (kubectl / "done.txt").exists()
