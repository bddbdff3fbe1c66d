# SPDX-License-Identifier: Apache-2.0
"""Child processes that do not outlive their parent."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1

Output = int | IO[bytes]


def start_child(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    stdout: Output,
    stderr: Output,
    death_signal: signal.Signals = signal.SIGKILL,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a new process group, without standard input.

    When this process ends, for any reason, the kernel sends `death_signal` to the child (Linux only).
    Because of the process group, Ctrl-C in the terminal does not reach the child; the caller stops it.

    Raises:
        OSError: the command cannot be started.
    """

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            process_group=0,
            preexec_fn=_die_with_parent(death_signal),
        )

    return _spawner(os.getpid()).submit(spawn).result()


@cache
def _spawner(_process_id: int) -> ThreadPoolExecutor:
    """Return the thread that starts all children of this process.

    The kernel sends the signal when the parent *thread* ends, so that thread has to last as long as the
    process. The process id is the key because a fork takes the memory along but not the thread.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="start-child")


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Everything is looked up here, so that only system calls run between fork and exec.
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    number = int(death_signal)

    def in_child() -> None:
        if prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(127)  # the parent is gone, or its end could not be detected

    return in_child
