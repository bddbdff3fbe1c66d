# SPDX-License-Identifier: Apache-2.0
"""`make cluster` and `make cluster-down`: one control plane that keeps running after the command."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smtp_tools.localcluster import find_assets
from smtp_tools.localcluster.assets import kubernetes_version
from smtp_tools.paths import PYTHONPATH

ROOT = Path(__file__).parents[3]
UP = f"A Kubernetes {kubernetes_version()} control plane is running; stop it with `make cluster-down`.\n"
UP_ALREADY = UP.replace("is running;", "is already running;")


class Cli:
    """`python -m smtp_tools.localcluster`, with its state in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.environment = os.environ | {"XDG_STATE_HOME": str(self.state), "PYTHONPATH": PYTHONPATH}

    def __call__(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "smtp_tools.localcluster", *words],
            env=self.environment | variables,
            check=False,
            capture_output=True,
            text=True,
        )

    def file(self, name: str) -> Path:
        """Return one of its files."""
        (found,) = self.state.glob(f"smtp-operator/*/{name}")
        return found

    def supervisor(self) -> int:
        """Return the process ID of the parent of the programs."""
        return int(self.file("supervisor").read_text())

    def programs(self) -> list[int]:
        """Return descriptors of the processes of the programs."""
        supervisor = self.supervisor()
        threads = Path(f"/proc/{supervisor}/task").glob("*/children")
        return [os.pidfd_open(int(pid)) for children in threads for pid in children.read_text().split()]


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    command = Cli(tmp_path)
    yield command
    command("down")


@pytest.mark.own_cluster
def test_up_and_down_may_be_said_twice(cli: Cli) -> None:
    hint = f"If you have no kubectl, use {find_assets().kubectl}\n"

    first, second = cli("up"), cli("up")
    kubeconfig = cli.file("cluster/kubeconfig")
    works = subprocess.run(
        ["sh", "-c", f'{first.stdout}\n"{find_assets().kubectl}" get namespace default --output=name'],
        env=cli.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    third, fourth = cli("down"), cli("down")

    assert (first.stdout, first.stderr) == (f"export KUBECONFIG={kubeconfig}\n", UP + hint)
    assert (second.stdout, second.stderr) == (first.stdout, UP_ALREADY + hint)
    assert works.stdout == "namespace/default\n"
    assert (third.stdout, third.stderr) == ("", "The cluster is stopped.\n")
    assert (fourth.stdout, fourth.stderr) == ("", "No cluster was running.\n")
    assert [run.returncode for run in (first, second, third, fourth)] == [0, 0, 0, 0]
    assert not kubeconfig.parent.exists()


@pytest.mark.own_cluster
def test_it_is_detached_and_down_leaves_no_process(cli: Cli, wait_for_end: Callable[[int], None]) -> None:
    cli("up")
    supervisor, programs = cli.supervisor(), cli.programs()
    assert os.getsid(supervisor) == supervisor
    assert len(programs) == 3
    ended = os.pidfd_open(supervisor)

    cli("down")

    for process in [ended, *programs]:
        wait_for_end(process)


@pytest.mark.own_cluster
def test_a_killed_supervisor_leaves_no_process_and_the_next_up_starts_again(
    cli: Cli, wait_for_end: Callable[[int], None]
) -> None:
    before = cli("up")
    programs = cli.programs()
    os.kill(cli.supervisor(), signal.SIGKILL)
    for process in programs:
        wait_for_end(process)

    after = cli("up")

    assert after.stdout == before.stdout
    assert after.stderr.startswith(UP)


@pytest.mark.own_cluster
def test_when_a_program_crashes_the_others_end_and_the_log_says_so(
    cli: Cli, wait_for_end: Callable[[int], None]
) -> None:
    cli("up")
    supervisor, programs = os.pidfd_open(cli.supervisor()), cli.programs()
    signal.pidfd_send_signal(programs[0], signal.SIGKILL)

    for process in [supervisor, *programs]:
        wait_for_end(process)

    assert cli.file("supervisor.log").read_text().startswith("error: etcd exited with -9:\n")
    assert cli("down").stderr == "No cluster was running.\n"


def test_up_says_why_it_did_not_come_up_and_keeps_the_log_for_a_while(cli: Cli, tmp_path: Path) -> None:
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm"):
        (tmp_path / name).write_text("#!/bin/sh\necho boom; exit 1\n")
        (tmp_path / name).chmod(0o755)

    failed = cli("up", KUBEBUILDER_ASSETS=str(tmp_path))

    log = cli.file("cluster/etcd.log")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == f"error: etcd exited with 1:\nboom\nThe whole log: {log}\n"
    assert log.read_text() == "boom\n"
    assert cli("down").stderr == "No cluster was running.\n"
    assert not log.exists()


@pytest.mark.own_cluster
def test_run_lends_a_cluster_to_a_command_and_ends_as_it_does(cli: Cli) -> None:
    script = "kubectl get namespace default --output=name; echo $KUBECONFIG; exit 7"

    done = cli("run", "--", "sh", "-c", script, KUBECONFIG="/not/read")

    name, kubeconfig = done.stdout.splitlines()
    assert (name, done.returncode, done.stderr) == ("namespace/default", 7, "")
    assert not Path(kubeconfig).parent.exists()


def test_help_names_all_that_can_be_done(cli: Cli) -> None:
    told = cli("--help").stdout

    for word in ("up", "down", "run", "path", "clean-cache", "KUBEBUILDER_ASSETS", "XDG_CACHE_HOME"):
        assert word in told
