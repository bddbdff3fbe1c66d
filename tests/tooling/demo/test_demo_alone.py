# SPDX-License-Identifier: Apache-2.0
"""`make demo` on a local control plane, which it stops at the end."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from smtp_testkit.interrupts import interruptible
from smtp_tools.localcluster import find_assets
from smtp_tools.paths import PYTHONPATH

pytestmark = pytest.mark.own_cluster

ROOT = Path(__file__).parents[3]


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    """The running demo, without a terminal."""
    find_assets()
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "KUBECONFIG": "/nowhere"}
    with (
        interruptible(),
        subprocess.Popen(
            [sys.executable, "-m", "smtp_tools.demo"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        yield process
        process.kill()


def children(process: subprocess.Popen[str]) -> dict[int, str]:
    """Return the names of live children, by descriptors that become readable when the process ends."""
    pids: list[str] = []
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # a thread that has just stopped
            pids += (thread / "children").read_text().split()
    found: dict[int, str] = {}
    for pid in map(int, pids):
        with suppress(ProcessLookupError, FileNotFoundError):  # a kubectl that has just stopped
            descriptor = os.pidfd_open(pid)
            found[descriptor] = ""
            found[descriptor] = Path(f"/proc/{pid}/comm").read_text().strip()
    return found


def all_end(processes: Collection[int], *, within: float) -> bool:
    deadline = time.monotonic() + within
    left = set(processes)
    while left and time.monotonic() < deadline:
        ended, _, _ = select.select(left, [], [], within)
        left -= set(ended)
    for process in processes:
        os.close(process)
    return not left


def test_it_runs_to_the_end_and_exits_0(demo: subprocess.Popen[str]) -> None:
    out, err = demo.communicate()

    assert demo.returncode == 0, err
    assert "All verdicts are as expected." in out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_no_process_outlives_it(demo: subprocess.Popen[str], number: signal.Signals, code: int) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        if "kubectl apply" in line:
            break
    processes = children(demo)
    assert {"etcd", "kube-apiserver"} <= set(processes.values())

    demo.send_signal(number)

    demo.communicate()
    assert demo.returncode == code
    assert all_end(processes.keys(), within=60)
