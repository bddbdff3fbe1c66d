# SPDX-License-Identifier: Apache-2.0
"""The evidence of a failed test explains the failure."""

from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess
from smtp_testkit.testbed.evidence import Evidence, folder_name
from smtp_tools.localcluster import LocalCluster


def test_operator_audit_log_objects_and_server_are_in_one_folder(
    tmp_path: Path,
    bed: Bed,
    server: MailServer,
    operator: OperatorProcess,
    cluster: LocalCluster,
    audit: AuditLog,
    operator_user: str,
) -> None:
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.verdict_of(server, username="mailer", password={"secretRef": {"name": "smtp-password"}})
    bed.wait_for_event("TestEmailSent")
    audit.until("patch", "smtpconfigs/status", user=operator_user, namespace=bed.namespace)
    kept = Evidence(tmp_path / "evidence")

    kept.of_test({"bed": bed, "server": server, "operator": operator, "cluster": cluster}, [])

    said = {it.name: it.read_text() for it in kept.folder.iterdir()}
    assert f"{bed.namespace}/mail" in said["operator-0.log"]
    assert (
        f"{operator_user} patch /apis/smtp-operator.io/v1alpha1/namespaces/{bed.namespace}"
        in said["audit.log"]
    )
    assert "reason: TestEmailSent" in said["smtpconfigs.yaml"]
    assert "reason: TestEmailSent" in said["events.yaml"]
    assert "C: RCPT" in said["server.transcript"]


def test_a_test_s_folder_has_a_name_that_every_file_system_takes() -> None:
    name = folder_name("tests/e2e/test_verdicts.py::test_a_mode[a/b c: 'd']@control plane")
    assert name == "test_verdicts.py-test_a_mode-a-b-c-d-control-plane"


@pytest.mark.parametrize("length", [10, 500])
def test_nor_is_it_too_long(length: int) -> None:
    assert len(folder_name("x" * length)) <= 120
