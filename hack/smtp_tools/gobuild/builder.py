# SPDX-License-Identifier: Apache-2.0
"""Builds Go programs once, under a lock, and moves them into place atomically."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGKILL

from smtp_tools.gobuild.cache import PARTIAL, cache_folder, locked, remove_half_made
from smtp_tools.gobuild.children import start_child
from smtp_tools.gobuild.errors import BuildError
from smtp_tools.gobuild.progress import Progress
from smtp_tools.gobuild.toolchain import Toolchain, find_toolchain, install

BUILD_FLAGS = ("-trimpath", "-buildvcs=false")
LINK_FLAGS = "-s -w"
TAIL_LINES = 15


@dataclass(frozen=True)
class Program:
    """A Go main package to build.

    Attributes:
        source: the folder with `main.go`, `go.mod` and `go.sum`; its name is the program's name.
        announcement: text to print before a build: what is built, how long it takes, how much disk space
            it needs, and how to avoid it.
        links: other names of the program.
        variables: Go variables to set when linking, such as a version: full name to value.
    """

    source: Path
    announcement: str
    links: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the executable."""
        return self.source.name


def program_folder(program: Program, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the program and its links; build the program if it is not in the cache.

    Raises:
        BuildError: the build failed.
    """
    cache = cache_folder(environment)
    toolchain = find_toolchain(program.source / "go.mod", environment)
    folder = _folder(program, toolchain, cache)
    if folder.exists():
        return folder
    with locked(cache):
        if not folder.exists():  # else another process built it while this one waited
            remove_half_made(cache)
            print(program.announcement, file=sys.stderr)
            install(toolchain, cache, environment)
            _build(program, toolchain, cache, folder, environment)
    return folder


def cached_folder(program: Program, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder as `program_folder` does, or None if the program is not built yet."""
    toolchain = find_toolchain(program.source / "go.mod", environment)
    folder = _folder(program, toolchain, cache_folder(environment))
    return folder if folder.exists() else None


def _folder(program: Program, toolchain: Toolchain, cache: Path) -> Path:
    key = hashlib.sha256()
    for part in ("go.mod", "go.sum", "main.go"):
        content = (program.source / part).read_bytes()
        key.update(f"{part} {len(content)}\n".encode() + content)
    key.update(toolchain.version.encode())
    return cache / program.name / key.hexdigest()[:20]


def _build(
    program: Program, toolchain: Toolchain, cache: Path, folder: Path, ambient: Mapping[str, str]
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder.parent))
    try:
        temporary = partial / "tmp"
        temporary.mkdir()
        environment = toolchain.environment(cache, ambient) | {"GOTMPDIR": str(temporary)}
        go = _Go(toolchain.command(cache), program, environment, folder.parent / "build.log")
        with Progress() as progress:
            packages = go.packages(temporary / "packages", progress)
            go.build(partial / program.name, packages, progress)
        for link in program.links:
            (partial / link).symlink_to(program.name)
        shutil.rmtree(temporary)
        partial.chmod(0o755)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class _Go:
    """Go commands in the folder of one program, with one log."""

    def __init__(self, command: Path, program: Program, environment: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._program = program
        self._environment = environment
        self._log = log
        log.write_bytes(b"")

    def packages(self, listed: Path, progress: Progress) -> int:
        """Return the number of packages of the program; this downloads its modules."""
        modules = 0
        with self._lines(["list", "-deps", "."], stdout=listed) as lines:
            for line in lines:
                if line.startswith("go: downloading "):
                    modules += 1
                    progress.show(f"modules downloaded: {modules:,}")
        with listed.open() as file:
            return sum(1 for _ in file)

    def build(self, executable: Path, packages: int, progress: Progress) -> None:
        """Build the program; Go prints the name of each package that is not in its cache."""
        done = 0
        variables = [f"-X {name}={value}" for name, value in self._program.variables.items()]
        flags = [*BUILD_FLAGS, f"-ldflags={' '.join([LINK_FLAGS, *variables])}"]
        with self._lines(["build", "-v", *flags, "-o", str(executable), "."]) as lines:
            for line in lines:
                if not line.startswith(("go: ", "#", "\t")):
                    done = min(done + 1, packages)
                    progress.show(f"{done:,} of {packages:,} packages")
        progress.show(f"{packages:,} of {packages:,} packages")

    @contextmanager
    def _lines(self, arguments: list[str], stdout: Path | None = None) -> Iterator[Iterator[str]]:
        """Run a Go command and yield the lines of its stderr as they come."""
        with (stdout or Path(os.devnull)).open("wb") as output:
            child = start_child(
                [self._command, *arguments],
                directory=self._program.source,
                environment=self._environment,
                stdout=output,
                stderr=subprocess.PIPE,
                # Go removes its temporary files on this one; no other process can after this one is killed.
                death_signal=SIGINT,
            )
        try:
            yield self._logged(child)
            if child.wait() != 0:
                raise self._failure(arguments)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, SIGKILL)
                child.wait()
            if child.stderr:
                child.stderr.close()

    def _logged(self, child: subprocess.Popen[bytes]) -> Iterator[str]:
        assert child.stderr is not None
        with self._log.open("ab") as log:
            for line in child.stderr:
                log.write(line)
                yield line.decode(errors="replace").rstrip("\n")

    def _failure(self, arguments: list[str]) -> BuildError:
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        command = f"{self._command} {' '.join(arguments)}"
        return BuildError(
            f"`{command}` failed in {self._program.source}:\n{tail}\nThe whole log: {self._log}"
        )
