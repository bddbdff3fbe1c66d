# SPDX-License-Identifier: Apache-2.0
"""The installed programs: the modules they load, and closed outputs."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent
ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nonexistent"}


def test_both_programs_are_installed_with_the_package() -> None:
    ours = [it for it in entry_points(group="console_scripts") if it.value.startswith("smtp_operator.")]
    installed = {it.name: it.value for it in ours}
    assert installed == {
        "smtp-operator": "smtp_operator.__main__:main",
        "kubectl-smtp": "smtp_operator.cli.kubectl.main:main",
        "kubectl_complete-smtp": "smtp_operator.cli.kubectl.completion:main",
    }
    assert all((SCRIPTS / name).exists() for name in installed)


@pytest.mark.parametrize(
    "statement",
    [
        'from smtp_operator.cli.kubectl.main import run_plugin; run_plugin(["explain", "Testing"], {})',
        'from smtp_operator.cli.kubectl.completion import completed; completed(["explain", "T"], {})',
    ],
)
def test_offline_commands_load_no_client(statement: str) -> None:
    code = f"""\
import sys
{statement}
print([name for name in ("kubernetes", "kopf", "aiohttp") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "[]\n"


def test_a_closed_pipe_is_not_an_error() -> None:
    command = f"{SCRIPTS / 'kubectl-smtp'} explain Testing | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Testing\n", "")


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-"])
def test_closed_outputs_are_ignored(closed: str) -> None:
    command = f"{SCRIPTS / 'kubectl-smtp'} explain Testing {closed}"
    done = subprocess.run(["bash", "-c", command], check=False, env=ENVIRONMENT, timeout=60)
    assert done.returncode == 0


def test_an_unwritable_result_is_a_failure() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPTS / "kubectl-smtp", "explain", "Testing"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (
        2,
        "kubectl smtp: the result cannot be written: No space left on device\n",
    )
