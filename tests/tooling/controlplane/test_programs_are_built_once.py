# SPDX-License-Identifier: Apache-2.0
"""A Go program is built once, under a lock, and moved into the cache atomically."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtp_tools.gobuild import BuildError, Program, cache_folder, cached_folder, clean_cache, program_folder
from smtp_tools.paths import PYTHONPATH

if TYPE_CHECKING:
    from tests.tooling.controlplane.conftest import FakeGo


BUILD_IN_A_PROCESS = """\
import signal, sys
from pathlib import Path
from smtp_tools.gobuild import Program, program_folder
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
print(program_folder(Program(Path(sys.argv[1]), "Building hello.")))
"""


def building(program: Program, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start another process that builds the program."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD_IN_A_PROCESS, program.source],
        env=environment | {"PYTHONPATH": PYTHONPATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def in_cache(environment: dict[str, str]) -> list[str]:
    """Return the content of the cache, without the log of the last build."""
    cache = cache_folder(environment)
    return sorted(str(path.relative_to(cache)) for path in cache.glob("*/*") if path.name != "build.log")


def test_the_folder_holds_the_program_and_its_links(program: Program, environment: dict[str, str]) -> None:
    folder = program_folder(program, environment)

    assert sorted(path.name for path in folder.iterdir()) == ["greet", "hello", "wave"]
    assert {(folder / name).read_text() for name in ("hello", "greet", "wave")} == {"the program\n"}


def test_before_it_builds_it_says_what_that_costs_and_then_how_far_it_is(
    program: Program, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    program_folder(program, environment)

    assert capsys.readouterr() == (
        "",
        "Building hello; about a second, 1 kB.\n  modules downloaded: 1\n  3 of 3 packages\n",
    )


def test_what_is_in_the_cache_is_neither_built_again_nor_talked_about(
    program: Program, environment: dict[str, str], go: FakeGo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cached_folder(program, environment) is None
    built = program_folder(program, environment)
    capsys.readouterr()

    assert program_folder(program, environment) == built == cached_folder(program, environment)
    assert capsys.readouterr() == ("", "")
    assert len(go.calls("build")) == 1


@pytest.mark.parametrize("part", ["main.go", "go.mod", "go.sum"])
def test_a_change_of_the_source_is_another_program(
    program: Program, environment: dict[str, str], part: str
) -> None:
    before = program_folder(program, environment)
    with (program.source / part).open("a") as file:
        file.write("// changed\n")

    assert cached_folder(program, environment) is None
    assert program_folder(program, environment) != before


def test_another_go_makes_another_program(program: Program, environment: dict[str, str], go: FakeGo) -> None:
    before = program_folder(program, environment)
    go.answers(version="go1.26.9 linux/amd64")

    assert program_folder(program, environment) != before


def test_programs_are_stripped_and_know_no_paths_of_the_machine(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    versioned = dataclasses.replace(program, variables={"example.com/v.Version": "v1.2.3"})

    folder = program_folder(versioned, environment)

    (call,) = go.calls("build")
    assert re.sub(r"-o \S+", "-o OUTPUT", call) == (
        "build -v -trimpath -buildvcs=false -ldflags=-s -w -X example.com/v.Version=v1.2.3 -o OUTPUT ."
    )
    assert folder.is_dir()


def test_go_works_with_the_users_settings_but_fetches_no_other_go_and_needs_no_c_compiler(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    program_folder(program, environment | {"GOPROXY": "https://goproxy.example", "GOTOOLCHAIN": "auto"})

    seen = go.variables()
    wanted = {
        "GOPROXY": "https://goproxy.example",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }
    assert {name: seen[name] for name in wanted} == wanted


def test_a_failure_shows_what_go_said_and_leaves_nothing_in_place(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go.answers(building='echo "main.go:1:1: syntax error" >&2; exit 1')

    with pytest.raises(BuildError) as failure:
        program_folder(program, environment)

    log = cache_folder(environment) / "hello" / "build.log"
    assert re.sub(r"-o \S+", "-o OUTPUT", str(failure.value)) == (
        f"`{go.bin}/go build -v -trimpath -buildvcs=false -ldflags=-s -w -o OUTPUT .` failed "
        f"in {program.source}:\n"
        "go: downloading example.com/one v1.0.0\none\ntwo\nthree\nmain.go:1:1: syntax error\n"
        f"The whole log: {log}"
    )
    assert in_cache(environment) == []


def test_ctrl_c_ends_go_and_leaves_nothing_half_made(
    program: Program, environment: dict[str, str], go: FakeGo, wait_for_end: Callable[[int], None]
) -> None:
    go.hangs()
    with building(program, environment) as builder:
        go_process = os.pidfd_open(int(go.started.read_text()))
        builder.send_signal(signal.SIGINT)
        builder.communicate()

    assert builder.returncode == -signal.SIGINT
    wait_for_end(go_process)
    assert in_cache(environment) == []


def test_a_killed_build_takes_go_with_it_and_the_next_one_clears_up(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go.hangs()
    os.mkfifo(go.interrupted)
    with building(program, environment) as builder:
        go.started.read_text()
        builder.kill()
        assert go.interrupted.read_text() == "interrupted"
    assert [name.split(".building-")[0] for name in in_cache(environment)] == ["hello/"]
    go.answers()

    folder = program_folder(program, environment)

    assert in_cache(environment) == [f"hello/{folder.name}"]


def test_who_comes_second_waits_says_so_and_builds_nothing(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    os.mkfifo(go.started)
    gate = go.started.with_name("gate")
    os.mkfifo(gate)
    go.answers(building=f"echo > {go.started}; read line < {gate}")
    with building(program, environment) as first:
        go.started.read_text()
        with building(program, environment) as second:
            assert second.stderr
            waiting = second.stderr.readline()
            gate.write_text("go on\n")
            said = second.communicate()
        folder, _ = first.communicate()

    assert waiting == f"Another process is building in {cache_folder(environment)}; waiting for it.\n"
    assert said == (folder, "")
    assert len(go.calls("build")) == 1


def test_the_cache_is_where_xdg_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_folder({"XDG_CACHE_HOME": "/var/caches"}) == Path("/var/caches/smtp-operator/go")
    assert cache_folder({}) == tmp_path / ".cache/smtp-operator/go"
    assert cache_folder({"XDG_CACHE_HOME": "relative/is/ignored"}) == tmp_path / ".cache/smtp-operator/go"


def test_cleaning_removes_all_programs_and_says_how_much_that_was(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go.answers(building='dd if=/dev/zero of="$2.data" bs=1024 count=1024 2>/dev/null')
    program_folder(program, environment)

    assert clean_cache(environment) > 1024 * 1024
    assert not cache_folder(environment).exists()
    assert clean_cache(environment) == 0
