# SPDX-License-Identifier: Apache-2.0
"""A child never outlives its parent, and does not receive the parent's signals."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from smtp_tools.gobuild.children import start_child
from smtp_tools.paths import PYTHONPATH

NOTHING = subprocess.DEVNULL

PARENT = """\
import os, signal, subprocess
from smtp_tools.gobuild.children import start_child
nothing = subprocess.DEVNULL
child = start_child(["sleep", "600"], environment=os.environ, stdout=nothing, stderr=nothing)
print(child.pid, flush=True)
signal.pause()
"""


def test_when_the_parent_is_killed_the_child_goes_too(wait_for_end: Callable[[int], None]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    wait_for_end(child)


def test_the_end_of_the_thread_that_started_it_is_not_the_end_of_the_parent(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    children: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = ["sh", "-c", f"read line < {gate}"]
        children.append(start_child(command, environment={}, stdout=NOTHING, stderr=NOTHING))

    thread = threading.Thread(target=start)
    thread.start()
    task = Path(f"/proc/self/task/{thread.native_id}")
    thread.join()
    while task.exists():  # joined, it may still be on its way out
        os.sched_yield()

    (child,) = children
    with gate.open("r+b", buffering=0) as opened:
        opened.write(b"go on\n")
        assert child.wait(timeout=60) == 0


def test_ctrl_c_in_the_terminal_is_for_the_parent_only() -> None:
    child = start_child(["sleep", "600"], environment={}, stdout=NOTHING, stderr=NOTHING)
    try:
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
