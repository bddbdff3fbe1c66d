# SPDX-License-Identifier: Apache-2.0
"""The workflows call make targets, pin actions by commit, and have the least permissions."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_tools.actionlint import PROGRAM
from smtp_tools.gobuild import program_folder

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))

pytestmark = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda it: it.name)


def read(workflow: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(workflow.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return loaded


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_by_commit_and_names_its_version(workflow: Path) -> None:
    lines = [it for it in workflow.read_text(encoding="utf-8").splitlines() if "uses:" in it]

    assert [it for it in lines if not re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d", it)] == []


def test_the_token_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    assert read(workflow)["permissions"] == {"contents": "read"}


def test_each_target_that_is_called_exists(workflow: Path) -> None:
    called = {
        it for step in steps(workflow) for it in re.findall(r"^ *make ([\w-]+)", step.get("run", ""), re.M)
    }
    targets = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert called <= targets


def test_every_job_has_a_time_limit(workflow: Path) -> None:
    assert [name for name, job in read(workflow)["jobs"].items() if "timeout-minutes" not in job] == []


def test_actionlint_reports_nothing(workflow: Path) -> None:
    program = program_folder(PROGRAM) / PROGRAM.name

    done = subprocess.run(
        [program, "-no-color", workflow],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")
