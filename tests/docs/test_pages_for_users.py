# SPDX-License-Identifier: Apache-2.0
"""Pages for users need no clone's virtual environment, and name no tests."""

import re
import subprocess
from pathlib import Path

import pytest

from smtp_testkit.handbook import blocks_of, container, pages
from smtp_testkit.handbook.blocks import text_of
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FROM_A_CLONE = {DOCS / "quick-start.md"}
"""Pages that try the operator from a clone, without a cluster."""
USERS = [
    page
    for page in pages()
    if page.is_relative_to(DOCS)
    and not page.is_relative_to(DOCS / "contribute")
    and page != DOCS / "start" / "contributor.md"
]

each_page = pytest.mark.parametrize("page", USERS, ids=lambda it: str(it.relative_to(ROOT)))


@each_page
def test_commands_for_users_run_the_image_or_kubectl(page: Path) -> None:
    if page not in FROM_A_CLONE:
        shown = "\n".join([text_of(page), *(block.text for block in blocks_of(page))])
        assert ".venv" not in shown


@each_page
def test_prose_for_users_names_no_tests(page: Path) -> None:
    assert re.findall(r"\btest_\w+|\btests/\w+", text_of(page)) == []


MAIL = """\
apiVersion: smtp-operator.io/v1alpha1
kind: SmtpConfig
metadata: {name: mail}
spec:
  server: 127.0.0.1
  port: 9
  username: mailer
  password: {secretRef: {name: smtp-password}}
  from: a@example.com
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that everyone can read, with ``mail.yaml``."""
    made = tmp_path / "reader"
    made.mkdir(mode=0o755)
    (made / "mail.yaml").write_text(MAIL, encoding="utf-8")
    container.install(made)
    return made


def docker(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the stand-in for docker in `folder`."""
    return subprocess.run(
        [str(folder / "programs" / "docker"), "run", "--rm", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "SMTP_OPERATOR_PASSWORD": "s3cret"},
        input="no: manifest\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_container_has_only_the_files_that_are_mounted(folder: Path) -> None:
    mount = ("-v", f"{folder}:/work", "-w", "/work")
    assert docker(folder, container.IMAGE, "check", "-f", "mail.yaml").returncode == 2
    assert docker(folder, *mount, container.IMAGE, "check", "-f", "mail.yaml").returncode == 4
    (folder / "mail.yaml").chmod(0o600)
    assert "cannot read" in docker(folder, *mount, container.IMAGE, "check", "-f", "mail.yaml").stderr


def test_a_container_has_only_the_variables_that_are_passed(folder: Path) -> None:
    words = ("-v", f"{folder}:/work", "-w", "/work", container.IMAGE, "check", "-f", "mail.yaml")
    assert docker(folder, *words).returncode == 4, "the password was read although it was not passed"
    assert docker(folder, "-e", "SMTP_OPERATOR_PASSWORD", *words).returncode == 3


def test_a_container_reads_standard_input_only_if_it_is_interactive(folder: Path) -> None:
    words = (container.IMAGE, "check", "-f", "-")
    silent, interactive = docker(folder, *words), docker(folder, "-i", *words)
    assert silent.returncode == interactive.returncode == 2
    assert silent.stderr != interactive.stderr


def test_an_image_with_another_name_does_not_run(folder: Path) -> None:
    assert "invalid choice" in docker(folder, "smtp-operator:0.1.0", "crds").stderr


def test_the_guide_to_metrics_forwards_the_port_of_the_chart(cluster: LocalCluster, tmp_path: Path) -> None:
    """Check the command that this control plane cannot run, because it has no Pods."""
    (command,) = (
        block.text
        for block in blocks_of(DOCS / "how-to" / "monitoring.md")
        if "port-forward" in block.text and block.runs
    )
    found = re.fullmatch(r"kubectl --namespace \S+ port-forward deployment/smtp-operator (\d+)", command)
    assert found is not None
    rendered = subprocess.run(
        [str(cluster.helm_path), "template", "smtp-operator", str(ROOT / "deploy/charts/smtp-operator")],
        env={"HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert f"- name: metrics\n              containerPort: {found[1]}\n" in rendered
