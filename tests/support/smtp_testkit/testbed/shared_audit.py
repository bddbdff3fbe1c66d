# SPDX-License-Identifier: Apache-2.0
"""An audit of the operator's requests in all tests of a run, from all processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from smtp_testkit.testbed.audit import AuditLog
from smtp_testkit.testbed.manifests import Manifests
from smtp_testkit.testbed.permissions import Permission, PermissionAudit, granted_by
from smtp_testkit.testbed.shared_cluster import SharedCluster

REPORT = Path(".failures") / "permissions.txt"

DELIBERATE: dict[Permission, str] = {
    Permission("create", "serviceaccounts/token"): "no role names the ServiceAccount of the test",
    Permission("create", "secrets"): "no role allows publishing in the namespace of the test",
}
"""Requests that the API server refuses on purpose in tests."""


PUBLISHING: Final = frozenset(Permission(verb, "secrets") for verb in ("create", "get", "update", "delete"))
"""The permissions of the chart's Role for ``publish.namespaces``, which tests of publishing create."""


def audit_of(cluster: SharedCluster) -> PermissionAudit | None:
    """Return the audit of the operator in `deploy/manifests`; None: the cluster was not used."""
    if cluster.audit_log is None:
        return None
    manifests = Manifests.read().permissions()
    asked = AuditLog(cluster.audit_log).requests(user=manifests.user)
    granted = granted_by(manifests.documents) | PUBLISHING
    return PermissionAudit.of(granted, asked, deliberate=DELIBERATE)


class SharedAudit:
    """A plug-in of the main process, which fails the run if the audit fails at its end."""

    def __init__(self, audit: Callable[[], PermissionAudit | None]) -> None:
        """Prepare the audit, which runs after all tests."""
        self._audit = audit
        self._found: PermissionAudit | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report for `make audit`."""
        self._found = self._audit()
        if self._found is not None:
            file = session.config.rootpath / REPORT
            file.parent.mkdir(exist_ok=True)
            file.write_text(self._found.report())
            if not self._found.holds:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print why the audit failed."""
        if self._found is not None and not self._found.holds:
            terminalreporter.section("permissions of the operator")
            terminalreporter.write(self._found.report())
