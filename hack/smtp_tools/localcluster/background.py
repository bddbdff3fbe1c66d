# SPDX-License-Identifier: Apache-2.0
"""The control plane of this clone that keeps running after the command that started it.

A supervisor, detached from the terminal, is the parent of the programs. It holds a lock while it
runs, so no process id is needed to check whether it runs.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import IO

from smtp_tools.localcluster.cluster import LocalCluster
from smtp_tools.localcluster.errors import ClusterError
from smtp_tools.paths import PYTHONPATH

READY = b"ready"
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02


class BackgroundCluster:
    """A control plane in the background; at most one per clone and user."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Use the files in `$XDG_STATE_HOME/smtp-operator` or `~/.local/state/smtp-operator`."""
        base = Path(environment.get("XDG_STATE_HOME", ""))
        state = base if base.is_absolute() else Path.home() / ".local" / "state"
        clone = Path(__file__).resolve().parents[3]
        self._folder = state / "smtp-operator" / hashlib.sha256(bytes(clone)).hexdigest()[:12]

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the administrator; its path never changes."""
        return self._cluster / "kubeconfig"

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    @property
    def _log(self) -> Path:
        return self._folder / "supervisor.log"

    def up(self) -> bool:
        """Start it unless it is running; return whether it was started.

        Raises:
            ClusterError: it did not start; its files and logs stay until the next `up` or `down`.
        """
        with self._one_command_at_a_time(), self._supervisor_file() as supervisor:
            if not _lock(supervisor):
                return False
            self._start(supervisor)
            return True

    def down(self) -> bool:
        """Stop it if it is running; return whether it was.

        Raises:
            ClusterError: its supervisor does not stop.
        """
        with self._one_command_at_a_time(), self._supervisor_file() as supervisor:
            was_up = not _lock(supervisor)
            if was_up:
                self._end(supervisor)
            shutil.rmtree(self._cluster, ignore_errors=True)
            return was_up

    def supervise(self, lock: int, ready: int) -> None:
        """Run as the supervisor: the parent of the programs until SIGTERM, or until one stops.

        Args:
            lock: inherited descriptor of the locked file; it stays open until this process ends.
            ready: descriptor to tell the parent that the cluster is running.
        """
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        with LocalCluster.start(self._cluster) as cluster:
            os.write(ready, READY)
            os.close(ready)
            cluster.wait()

    def _start(self, supervisor: IO[bytes]) -> None:
        shutil.rmtree(self._cluster, ignore_errors=True)
        told, ready = os.pipe()
        with os.fdopen(told, "rb") as answer, self._log.open("wb") as log:
            try:
                child = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "smtp_tools.localcluster",
                        "supervise",
                        str(supervisor.fileno()),
                        str(ready),
                    ],
                    env={**os.environ, "PYTHONPATH": PYTHONPATH},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(supervisor.fileno(), ready),
                    start_new_session=True,
                )
            finally:
                os.close(ready)
            try:
                came_up = answer.read() == READY
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if not came_up:
            child.wait()
            raise ClusterError(self._log.read_text(errors="replace").strip().removeprefix("error: "))

    def _end(self, supervisor: IO[bytes]) -> None:
        pid = int(supervisor.read())
        for signal in (SIGTERM, SIGKILL):
            os.kill(pid, signal)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if _lock(supervisor):
                    return
                time.sleep(POLL_SECONDS)
        raise ClusterError(f"The supervisor (process {pid}) does not stop. Its log: {self._log}")

    def _supervisor_file(self) -> IO[bytes]:
        """The file with the supervisor's process id, which the supervisor locks while it runs."""
        return (self._folder / "supervisor").open("a+b", buffering=0)

    @contextmanager
    def _one_command_at_a_time(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "command.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _lock(file: IO[bytes]) -> bool:
    file.seek(0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
