# SPDX-License-Identifier: Apache-2.0
"""Every make target has a help text, needs only Python, and never uses the user's clusters."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SIDE_BY_SIDE = "-n auto"

# Stands for .venv/bin/python and its neighbours: says how it was called.
TOOL = '#!/bin/sh\necho "$(basename "$0") $*; KUBECONFIG=${KUBECONFIG-unset} PYTHONPATH=$PYTHONPATH"\n'
PYTHON = '#!/bin/sh\n[ "$1" = -c ] && exit {code}\necho "Python to install with: $*" >&2\nexit 9\n'


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A clone with everything installed."""
    for name in ("Makefile", "hack/choose-python"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "requirements.lock"):
        (tmp_path / name).touch()
    for name in ("python", "pytest", "ruff", "mypy", "lint-imports", "uv"):
        executable(tmp_path / ".venv" / "bin" / name, TOOL)
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def make(tree: Path, *words: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "KUBECONFIG": "/home/me/.kube/production"}
    return subprocess.run(
        [shutil.which("make") or "make", *words],
        cwd=tree,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_without_a_target_all_targets_are_listed_with_what_they_are_for(tree: Path) -> None:
    targets = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))

    listed = dict(re.findall(r"^make (\S+) +(\S.*)$", make(tree).stdout, re.MULTILINE))

    assert set(listed) == targets
    assert {"install", "demo", "test", "unit", "bench", "cluster", "cluster-down", "clean-cache"} <= targets


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["demo"], "python -m smtp_tools.demo"),
        (["demo", "YES=1"], "python -m smtp_tools.demo --yes"),
        (["test"], f"pytest {SIDE_BY_SIDE} --audit-permissions"),
        (["unit", "ARGS=tests/unit/api -x"], f"pytest {SIDE_BY_SIDE} -m not cluster tests/unit/api -x"),
        (["bench"], "python -m smtp_tools.bench"),
        (["cluster"], "python -m smtp_tools.localcluster up"),
        (["cluster-down"], "python -m smtp_tools.localcluster down"),
        (["clean-cache"], "python -m smtp_tools.localcluster clean-cache"),
        (["generate"], "python -m smtp_tools.generate"),
    ],
)
def test_no_target_sees_the_ambient_kubeconfig(tree: Path, words: list[str], called: str) -> None:
    assert (
        make(tree, *words).stdout.splitlines()[-1]
        == f"{called}; KUBECONFIG=unset PYTHONPATH=hack:tests/support"
    )


def test_a_demo_that_is_told_a_context_looks_for_it_where_the_user_has_it(tree: Path) -> None:
    assert make(tree, "demo", "CONTEXT=staging", "YES=1").stdout == (
        "python -m smtp_tools.demo --context staging --yes; KUBECONFIG=/home/me/.kube/production "
        "PYTHONPATH=hack:tests/support\n"
    )


def test_the_control_plane_is_built_before_the_tests_start_whose_time_is_limited(tree: Path) -> None:
    executable(tree / ".venv" / "bin" / "python", '#!/bin/sh\necho "python $*" >&2\nexit 1\n')

    made = make(tree, "test")

    assert made.stderr.startswith("python -m smtp_tools.localcluster path\n")
    assert made.stdout == ""


def test_lint_stops_at_the_first_tool_that_finds_something(tree: Path) -> None:
    executable(tree / ".venv" / "bin" / "mypy", "#!/bin/sh\necho mypy\nexit 1\n")

    made = make(tree, "lint")

    called = [line.split(";")[0] for line in made.stdout.splitlines()]
    assert called == ["ruff check", "ruff format --check", "mypy"]
    assert made.returncode != 0


def test_format_sorts_imports_before_it_formats(tree: Path) -> None:
    called = [line.split(";")[0] for line in make(tree, "format").stdout.splitlines()]
    assert called == ["ruff check --fix --select I", "ruff format"]


def test_the_locks_are_renewed_even_if_there_is_none(tree: Path) -> None:
    (tree / "requirements.lock").unlink()

    assert make(tree, "lock").stdout.startswith(
        "uv pip compile pyproject.toml --upgrade --all-extras --universal --generate-hashes "
        "--no-annotate --no-header --quiet -o requirements.lock;"
    )


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_it_installs_again_only_if_the_lock_or_the_project_changed(tree: Path, changed: str) -> None:
    assert make(tree, "install").stderr == ""
    executable(tree / "path" / "python3", PYTHON.format(code=0))
    older = (tree / changed).stat().st_mtime - 60
    for name in ("pyproject.toml", "requirements.lock", ".venv/.installed"):
        if name != changed:
            os.utime(tree / name, (older, older))

    made = make(tree, "install", path=f"{tree}/path:/usr/bin:/bin")

    assert made.stderr.splitlines() == [
        "Installing requirements.lock into .venv with python3; this takes a minute.",
        "python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock; "
        "KUBECONFIG=unset PYTHONPATH=hack:tests/support",
        "python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .; "
        "KUBECONFIG=unset PYTHONPATH=hack:tests/support",
    ]


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"python3": 0, "python3.12": 0}, "python3"),
        ({"python3": 1, "python3.12": 0, "python3.11": 0}, "python3.12"),  # it starts and is too old
        ({"python3": 1, "python3.13": 127, "python3.11": 0}, "python3.11"),  # a shim without its version
    ],
)
def test_the_first_python_that_starts_and_is_new_enough_is_taken(
    tmp_path: Path, there: dict[str, int], chosen: str
) -> None:
    for name, code in there.items():
        executable(tmp_path / name, PYTHON.format(code=code))

    assert choose(tmp_path) == (0, f"{chosen}\n", "")


def test_a_python_that_is_named_is_taken_or_refused(tmp_path: Path) -> None:
    executable(tmp_path / "python3", PYTHON.format(code=0))
    executable(tmp_path / "mine", PYTHON.format(code=0))

    assert choose(tmp_path, PYTHON="mine") == (0, "mine\n", "")
    assert choose(tmp_path, PYTHON="none") == (
        1,
        "",
        "PYTHON=none does not start or is older than 3.11. Set PYTHON to a newer one.\n",
    )


def test_without_a_python_it_says_what_to_do(tmp_path: Path) -> None:
    assert choose(tmp_path) == (
        1,
        "",
        "No Python 3.11 or newer on the PATH. Install one, or set its path: "
        "make PYTHON=/path/to/python3 ...\n",
    )


def choose(path: Path, **variables: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["/bin/sh", ROOT / "hack" / "choose-python"],
        env={"PATH": str(path), **variables},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr
