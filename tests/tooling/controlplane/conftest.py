# SPDX-License-Identifier: Apache-2.0
"""A fake Go: a fast shell script that a test controls."""

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smtp_tools.gobuild import Program

SCRIPT = """\
#!/bin/sh
echo "$@" >> {calls}
/usr/bin/env > {variables}
case "$1" in
    version) echo "go version {version}" ;;
    list)
        echo "go: downloading example.com/one v1.0.0" >&2
        printf 'one\\ntwo\\nthree\\n' ;;
    build)
        until [ "$1" = -o ]; do shift; done
        printf 'one\\ntwo\\nthree\\n' >&2
        {building}
        echo 'the program' > "$2" ;;
esac
"""

HANGING = """\
import os, pathlib, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
pathlib.Path(STARTED).write_text(str(os.getpid()))
signal.sigwait({signal.SIGINT})
pathlib.Path(INTERRUPTED).write_text("interrupted")
"""


class FakeGo:
    """The only `go` on a PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        self._variables = folder / "variables"
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.started = folder / "started"
        self.interrupted = folder / "interrupted"
        self.answers(version="go1.26.8 linux/amd64")

    def answers(self, *, version: str = "go1.26.8 linux/amd64", building: str = ":") -> None:
        """Set its version, and the shell command of a build."""
        text = SCRIPT.format(calls=self._calls, variables=self._variables, version=version, building=building)
        self.remove()
        go = self.bin / "go"
        go.write_text(text)
        go.chmod(0o755)

    def hangs(self) -> None:
        """Let it build until SIGINT: it writes its process ID to `started`, then to `interrupted`."""
        os.mkfifo(self.started)
        script = self._folder / "hanging.py"
        names = f"STARTED, INTERRUPTED = {str(self.started)!r}, {str(self.interrupted)!r}\n"
        script.write_text(names + HANGING)
        self.answers(building=f"exec {sys.executable} {script}")

    def remove(self) -> None:
        """Remove it from the PATH."""
        (self.bin / "go").unlink(missing_ok=True)

    def calls(self, command: str) -> list[str]:
        """Return the arguments of all calls of one of its commands."""
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [call for call in calls if call.split()[0] == command]

    def variables(self) -> dict[str, str]:
        """Return the environment of the last call."""
        return dict(line.split("=", 1) for line in self._variables.read_text().splitlines() if "=" in line)


@pytest.fixture
def go(tmp_path: Path) -> FakeGo:
    folder = tmp_path / "fake-go"
    folder.mkdir()
    return FakeGo(folder)


@pytest.fixture
def environment(tmp_path: Path, go: FakeGo) -> dict[str, str]:
    """The environment of a user with this Go and an empty cache."""
    return {
        "PATH": f"{go.bin}:/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A Go main package to build."""
    source = tmp_path / "hello"
    source.mkdir()
    (source / "main.go").write_text("package main\n")
    (source / "go.mod").write_text("module example.com/hello\n\ngo 1.26.0\n")
    (source / "go.sum").write_text("")
    return Program(source, announcement="Building hello; about a second, 1 kB.", links=("greet", "wave"))


@pytest.fixture
def wait_for_end() -> Callable[[int], None]:
    """Wait until a process has stopped, by its descriptor (`os.pidfd_open`); it need not be a child."""

    def wait(process: int) -> None:
        ended, _, _ = select.select([process], [], [], 10)
        os.close(process)
        assert ended, "the process is still there after 10 s"

    return wait
