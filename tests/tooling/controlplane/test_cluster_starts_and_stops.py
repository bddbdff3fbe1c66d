# SPDX-License-Identifier: Apache-2.0
"""A control plane never leaves a process behind, and reports why it did not start."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smtp_tools.localcluster import Assets, ClusterError, LocalCluster
from smtp_tools.localcluster.cluster import ATTEMPTS
from smtp_tools.paths import PYTHONPATH

PARENT = """\
import signal, sys
from smtp_tools.localcluster import LocalCluster
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
with LocalCluster.start() as cluster:
    print(cluster.directory, *cluster.pids.values(), flush=True)
    cluster.wait()
"""


@pytest.fixture
def programs(tmp_path: Path) -> Callable[[str], Assets]:
    """Create five programs that are one shell script."""

    def write(script: str) -> Assets:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return Assets(path, path, path, path, path)

    return write


def test_the_end_of_the_log_and_its_place_tell_why_it_did_not_start(
    tmp_path: Path, programs: Callable[[str], Assets]
) -> None:
    lines = "for i in 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16; do echo line $i; done"

    with pytest.raises(ClusterError) as failure:
        LocalCluster.start(tmp_path / "files", assets=programs(f"{lines}; echo boom >&2; exit 3"))

    shown = "".join(f"line {number:02}\n" for number in range(3, 17))
    log = tmp_path / "files" / "etcd.log"
    assert str(failure.value) == f"etcd exited with 3:\n{shown}boom\nThe whole log: {log}"
    assert log.read_text().startswith("line 01\n")


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path, programs: Callable[[str], Assets]) -> None:
    broken = programs("")
    broken.etcd.chmod(0o644)

    with pytest.raises(ClusterError) as failure:
        LocalCluster.start(tmp_path / "files", assets=broken)

    assert str(failure.value) == f"etcd cannot be started: {broken.etcd}: Permission denied"


def test_a_port_that_was_taken_meanwhile_is_no_failure_until_it_is_a_habit(
    tmp_path: Path, programs: Callable[[str], Assets]
) -> None:
    starts = tmp_path / "starts"
    script = f'echo "$@" >> {starts}; echo "listen tcp 127.0.0.1:1: bind: address already in use"; exit 1'

    with pytest.raises(ClusterError, match="address already in use"):
        LocalCluster.start(tmp_path / "files", assets=programs(script))

    ports = re.findall(r"--listen-client-urls=(\S+)", starts.read_text())
    assert len(set(ports)) == len(ports) == ATTEMPTS


def test_files_of_somebody_else_are_not_overwritten(
    tmp_path: Path, programs: Callable[[str], Assets]
) -> None:
    (tmp_path / "precious").touch()

    with pytest.raises(ClusterError) as failure:
        LocalCluster.start(tmp_path, assets=programs(""))

    assert str(failure.value) == f"{tmp_path} is not empty. Use an empty or a new folder."


@pytest.mark.own_cluster
def test_a_folder_that_was_named_stays_and_all_processes_go(tmp_path: Path) -> None:
    with LocalCluster.start(tmp_path / "files") as cluster:
        processes = dict(cluster.pids)
        assert all(Path(f"/proc/{pid}").exists() for pid in processes.values())

    assert not any(Path(f"/proc/{pid}").exists() for pid in processes.values())
    assert cluster.directory == tmp_path / "files"
    assert {"audit.log", "etcd.log", "kube-apiserver.log", "kube-controller-manager.log"} <= {
        path.name for path in cluster.directory.iterdir()
    }
    assert cluster.directory.stat().st_mode & 0o077 == 0


@pytest.mark.own_cluster
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_the_parent_ends_all(
    ending: signal.Signals, wait_for_end: Callable[[int], None], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout
        directory, *pids = parent.stdout.readline().split()
        processes = [os.pidfd_open(int(pid)) for pid in pids]
        parent.send_signal(ending)

    assert len(processes) == 3
    for process in processes:
        wait_for_end(process)
    if ending == signal.SIGINT:
        assert not Path(directory).exists()


@pytest.mark.own_cluster
def test_the_api_server_returns_with_the_same_address_and_data_and_a_crash_is_reported() -> None:
    with LocalCluster.start() as cluster:
        cluster.kubectl("create", "configmap", "kept")
        account = cluster.kubeconfig_for_service_account("default", "default")
        url, before = cluster.url, cluster.pids

        cluster.stop_apiserver()
        assert "kube-apiserver" not in cluster.pids
        refused = cluster.kubectl("get", "configmap", "kept", check=False)
        cluster.start_apiserver()

        assert "connection refused" in refused.stderr or "was refused" in refused.stderr
        assert cluster.kubectl("get", "configmap", "kept", "--output=name").stdout == "configmap/kept\n"
        assert "default:default" in cluster.kubectl("auth", "whoami", kubeconfig=account).stdout
        assert cluster.url == url
        assert {name for name, pid in cluster.pids.items() if pid != before[name]} == {"kube-apiserver"}

        os.kill(cluster.pids["etcd"], signal.SIGKILL)
        with pytest.raises(ClusterError, match=r"^etcd exited with -9:\n"):
            cluster.wait()
