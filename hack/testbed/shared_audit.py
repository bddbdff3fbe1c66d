# SPDX-License-Identifier: Apache-2.0
"""One audit of what the operator asks for in all end-to-end tests, also where several processes run them."""

from pathlib import Path

import pytest
from xdist.workermanage import WorkerController

from testbed.permissions import PermissionAudit

REPORT = Path(".failures") / "permissions.txt"

_OUTPUT = "permissions"


def conclude(config: pytest.Config, audit: PermissionAudit) -> None:
    """The end of this process's part; whoever handed out its tests is told of it.

    Raises:
        AssertionError: there is no other part, and something is granted for nothing or asked for in vain.
    """
    told = getattr(config, "workeroutput", None)
    if told is not None:
        told[_OUTPUT] = audit.as_builtins()
        return
    report(config, audit)
    assert audit.holds, f"\n{audit.report()}"


def report(config: pytest.Config, audit: PermissionAudit) -> None:
    """Writes it where `make audit` finds it."""
    file = config.rootpath / REPORT
    file.parent.mkdir(exist_ok=True)
    file.write_text(audit.report())


class SharedAudit:
    """A plugin of the process that hands out the tests: fails a run whose parts together do not hold."""

    def __init__(self) -> None:
        self._parts: list[PermissionAudit] = []
        self._whole: PermissionAudit | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """One process has run all its tests; one that crashed has nothing to say."""
        told = getattr(node, "workeroutput", {}).get(_OUTPUT)
        if told is not None:
            self._parts.append(PermissionAudit.from_builtins(told))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All have."""
        if self._parts:
            self._whole = PermissionAudit.joined(self._parts)
            report(session.config, self._whole)
            if not self._whole.holds:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says why."""
        if self._whole is not None and not self._whole.holds:
            terminalreporter.section("permissions of the operator")
            terminalreporter.write(self._whole.report())
