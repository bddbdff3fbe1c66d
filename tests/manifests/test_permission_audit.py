# SPDX-License-Identifier: Apache-2.0
"""`make audit` finds what the role grants for nothing, and what the operator asks for in vain."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.audit import Request
from testbed.manifests import Manifests
from testbed.permissions import Permission, PermissionAudit, granted_by

HACK = Path(__file__).parents[2] / "hack"
GRANTED = frozenset({Permission("get", "secrets"), Permission("list", "secrets")})


def asked(verb: str, resource: str, code: int = 200) -> Request:
    return Request(
        user="operator", verb=verb, resource=resource, namespace="team-a", name="it", uri="/", code=code
    )


def audited(*requests: Request) -> PermissionAudit:
    return PermissionAudit.of(GRANTED, requests, deliberate={Permission("create", "pods"): "a test's doing"})


def test_what_is_never_used_is_superfluous() -> None:
    assert audited(asked("get", "secrets")).superfluous == [Permission("list", "secrets")]


def test_what_was_refused_is_lacking() -> None:
    assert audited(asked("get", "configmaps", 403)).lacking == [Permission("get", "configmaps")]


def test_what_was_refused_on_purpose_is_not() -> None:
    assert audited(asked("create", "pods", 403)).lacking == []


def test_a_server_that_has_just_started_and_refuses_everybody_says_nothing() -> None:
    assert audited(asked("get", "secrets", 403), asked("get", "secrets")).lacking == []


def test_the_report_has_a_line_for_each() -> None:
    assert audited(asked("get", "secrets"), asked("get", "nodes", 403)).report() == (
        "used                 get secrets\n"
        "GRANTED BUT NOT USED list secrets\n"
        "USED BUT REFUSED     get nodes\n"
        "refused on purpose   create pods: a test's doing\n"
    )


def test_what_several_processes_used_counts_together() -> None:
    parts = [audited(asked("get", "secrets")), audited(asked("list", "secrets"), asked("get", "nodes", 403))]

    told = [PermissionAudit.from_builtins(json.loads(json.dumps(it.as_builtins()))) for it in parts]

    assert told == parts
    whole = PermissionAudit.joined(told)
    assert (whole.superfluous, whole.lacking) == ([], [Permission("get", "nodes")])
    assert not whole.holds
    assert PermissionAudit.joined([told[0], audited(asked("list", "secrets"))]).holds


CONFTEST = """
import pytest
from testbed.permissions import Permission, PermissionAudit
from testbed.shared_audit import SharedAudit, conclude

GRANTED = frozenset(Permission("get", it) for it in ("nodes", "pods", "secrets"))

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SharedAudit())

used = set()

@pytest.fixture(scope="session", autouse=True)
def permissions(request):
    yield
    asked = frozenset(Permission("get", it) for it in used)
    conclude(request.config, PermissionAudit(granted=GRANTED, used=asked, refused=frozenset(), deliberate={}))

@pytest.fixture
def use():
    return used.add
"""


@pytest.mark.parametrize("words", [["-n", "2", "--dist", "loadfile"], ["-n", "0"]])
def test_a_run_fails_by_what_all_its_processes_did(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("pods", "secrets"):
        (tmp_path / f"test_{name}.py").write_text(f"def test_it(use): use('{name}')")

    options = [f"--rootdir={tmp_path}", "-c", os.devnull, "-o", f"pythonpath={HACK}"]
    command = [sys.executable, "-m", "pytest", *options, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done
    assert " 2 passed" in done.stdout
    written = (tmp_path / ".failures" / "permissions.txt").read_text()
    assert written == (
        "used                 get pods\nused                 get secrets\nGRANTED BUT NOT USED get nodes\n"
    )
    assert all(line in done.stdout for line in written.splitlines())


def test_only_roles_that_are_bound_to_the_operator_count() -> None:
    granted = granted_by(Manifests.read().documents)

    assert Permission("patch", "smtpconfigs/status") in granted
    assert Permission("update", "smtpconfigs") not in granted  # that is for people
