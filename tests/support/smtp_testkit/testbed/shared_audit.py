# SPDX-License-Identifier: Apache-2.0
"""One audit of what the operator asked for in all tests of a run, in however many processes they ran."""

from collections.abc import Callable
from pathlib import Path

import pytest

from smtp_testkit.testbed.audit import AuditLog
from smtp_testkit.testbed.manifests import Manifests
from smtp_testkit.testbed.permissions import Permission, PermissionAudit, granted_by
from smtp_testkit.testbed.shared_cluster import SharedCluster

REPORT = Path(".failures") / "permissions.txt"

DELIBERATE: dict[Permission, str] = {
    Permission("create", "serviceaccounts/token"): "no role names the ServiceAccount of the test",
    Permission("get", "endpointslices"): "the role of one namespace does not grant it",
}
"""What tests have the operator asked for in vain."""


def audit_of(cluster: SharedCluster) -> PermissionAudit | None:
    """What the operator that `deploy/manifests` installs asked it for; None: the cluster was not used."""
    if cluster.audit_log is None:
        return None
    manifests = Manifests.read().permissions()
    asked = AuditLog(cluster.audit_log).requests(user=manifests.user)
    return PermissionAudit.of(granted_by(manifests.documents), asked, deliberate=DELIBERATE)


class SharedAudit:
    """A plugin of the process that hands out the tests: fails a run in whose end the audit does not hold."""

    def __init__(self, audit: Callable[[], PermissionAudit | None]) -> None:
        """Asks for the audit when all tests are through."""
        self._audit = audit
        self._found: PermissionAudit | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes it where `make audit` finds it."""
        self._found = self._audit()
        if self._found is not None:
            file = session.config.rootpath / REPORT
            file.parent.mkdir(exist_ok=True)
            file.write_text(self._found.report())
            if not self._found.holds:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says why."""
        if self._found is not None and not self._found.holds:
            terminalreporter.section("permissions of the operator")
            terminalreporter.write(self._found.report())
