# SPDX-License-Identifier: Apache-2.0
"""The folders ``operator/`` and ``secrets/`` never hide modules of Python, and the layers are intact."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "operator"

WITHOUT_INIT = [SOURCES, SOURCES / "secrets", ROOT / "tests"]
"""A namespace portion never beats a module of the standard library; a regular package would."""


def modules() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*.py") if "__pycache__" not in path.parts)


def project_path() -> list[str]:
    """Return the folders that pytest adds to the path."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    folders: list[str] = options["pythonpath"]
    return folders


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    "folder", [".", "operator", "operator/handlers", "operator/secrets", "tests", "tests/unit"]
)
def test_operator_and_secrets_are_the_standard_ones_from_every_folder(folder: str) -> None:
    # -S: an editable install would hide the mistake.
    code = "import operator, secrets; print(operator.__file__, secrets.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT / folder, check=True, capture_output=True, text=True
    )
    standard = Path(os.__file__).parent
    assert done.stdout.split() == [str(standard / "operator.py"), str(standard / "secrets.py")]


def test_a_virtual_environment_can_be_made_in_the_root() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--help"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("usage: venv ")


def test_no_module_or_folder_has_a_name_of_the_standard_library() -> None:
    names = {path.stem for path in modules()} | {path.parent.name for path in modules()}
    assert names & sys.stdlib_module_names == {"operator", "secrets"}


@pytest.mark.parametrize("folder", WITHOUT_INIT, ids=lambda it: it.name)
def test_folders_named_as_standard_modules_are_no_regular_packages(folder: Path) -> None:
    assert not (folder / "__init__.py").exists()


def test_every_folder_with_code_is_packaged(project: dict[str, Any]) -> None:
    folders = {path.parent.relative_to(SOURCES).parts for path in modules()}
    packages = {".".join(("smtp_operator", *parts)) for parts in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == packages


def test_the_sources_have_one_link_for_type_checkers() -> None:
    assert (ROOT / "src" / "smtp_operator").readlink() == Path("../operator")


def test_the_layers_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_a_run_has_one_control_plane_but_for_tests_of_how_one_starts() -> None:
    """Check that all other tests use the fixture ``cluster``."""
    support = ROOT / "tests" / "support"
    for path in (it for it in (ROOT / "tests").rglob("*.py") if support not in it.parents):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body if "LocalCluster.start(" in text else ():
            code = ast.unparse(node)
            if "LocalCluster.start(" in code and "assets=" not in code and isinstance(node, FUNCTIONS):
                assert "pytest.mark.own_cluster" in map(ast.unparse, node.decorator_list), (
                    f"{path}: {node.name}"
                )


@pytest.mark.parametrize("folder", project_path())
def test_the_path_gains_one_package_of_a_name_that_no_other_project_has(folder: str) -> None:
    """Check the names: a package named ``image`` or ``demo`` could hide an installed one."""
    packages = {it.parent.name for it in (ROOT / folder).glob("*/__init__.py")}
    modules = {it.stem for it in (ROOT / folder).glob("*.py")}

    assert packages | modules == {{"hack": "smtp_tools", "tests/support": "smtp_testkit"}[folder]}


def test_tests_are_below_the_folder_of_their_kind() -> None:
    folders = {it.relative_to(ROOT / "tests").parts[0] for it in (ROOT / "tests").rglob("test_*.py")}
    assert folders == {"cluster", "docs", "e2e", "tiers", "tooling", "unit"}


def test_the_root_conftest_has_no_hooks() -> None:
    """Check that hooks are only in ``smtp_testkit.pytest_plugin``."""
    tree = ast.parse((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    assert [it.name for it in tree.body if isinstance(it, FUNCTIONS) and it.name.startswith("pytest_")] == []
