# SPDX-License-Identifier: Apache-2.0
"""`make audit` finds permissions that are unused, and permissions that are missing."""

from pathlib import Path

import pytest

from smtp_testkit.testbed.audit import Request
from smtp_testkit.testbed.manifests import Manifests
from smtp_testkit.testbed.own_pytest import run_pytest
from smtp_testkit.testbed.permissions import Permission, PermissionAudit, granted_by

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


CONFTEST = """
from smtp_testkit.testbed.permissions import Permission, PermissionAudit
from smtp_testkit.testbed.shared_audit import SharedAudit

GRANTED, USED = (frozenset(Permission("get", it) for it in names) for names in (("nodes", "pods"), ("pods",)))

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        audit = PermissionAudit(granted=GRANTED, used=USED, refused=frozenset(), deliberate={})
        config.pluginmanager.register(SharedAudit(lambda: audit))
"""


@pytest.mark.parametrize("words", [["-n", "2", "--dist", "loadfile"], ["-n", "0"]])
def test_a_run_fails_whose_audit_does_not_hold(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_pods.py").write_text("def test_it(): pass")

    done = run_pytest(tmp_path, *words)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done
    assert " 1 passed" in done.stdout
    written = (tmp_path / ".failures" / "permissions.txt").read_text()
    assert written == "used                 get pods\nGRANTED BUT NOT USED get nodes\n"
    assert all(line in done.stdout for line in written.splitlines())


def test_only_roles_that_are_bound_to_the_operator_count() -> None:
    granted = granted_by(Manifests.read().documents)

    assert Permission("patch", "smtpconfigs/status") in granted
    assert Permission("update", "smtpconfigs") not in granted  # that is for people
