# SPDX-License-Identifier: Apache-2.0
"""A restart of the operator keeps all results."""

from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import AuditLog, Bed, OperatorProcess, StartOperator
from smtp_testkit.testbed.operator_process import LOOPBACK


def test_a_restart_sends_no_mail_and_writes_nothing(
    bed: Bed,
    server: MailServer,
    start_operator: StartOperator,
    audit: AuditLog,
    operator_user: str,
) -> None:
    operator = start_operator()
    bed.secret("smtp-password", password="s3cret-Passw0rd")
    login: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
    bed.create(server, "good", **login)
    bed.create(server, "bad", smtp_type="TLS", port=server.plain_port)
    bed.verdict("good")
    bed.verdict("bad")
    connections = server.connections_total
    operator.stop()
    audit.mark()

    operator.start()
    # A new object gets its verdict after all objects of the first listing.
    bed.create(server, "later")
    bed.verdict("later")

    asked = audit.until("create", "events", user=operator_user, namespace=bed.namespace)
    assert [it.name for it in asked if it.writes and it.resource == "smtpconfigs/status"] == ["later"]
    assert len(server.mails) == 2
    assert server.connections_total == connections + 1


def test_what_changed_while_no_operator_ran_is_tested_at_its_start(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    operator = start_operator()
    bed.verdict_of(server)
    operator.stop()
    bed.change(recipients={"to": ["second@example.com"]})

    operator.start()

    assert bed.verdict().reason == "TestEmailSent"
    assert [mail.recipients for mail in server.mails] == [("ops@example.com",), ("second@example.com",)]


def test_sigterm_ends_it_with_exit_code_0(start_operator: StartOperator) -> None:
    assert start_operator().stop() == 0


@pytest.mark.alone
@pytest.mark.usefixtures("older_crd")
def test_it_refuses_to_start_on_older_crds(service_account: Path, logs: Path) -> None:
    with OperatorProcess(service_account, logs / "older-crds.log", LOOPBACK) as operator:
        operator.launch()

        assert operator.ended() == 1
        assert "apply the CRDs of this release first" in operator.output()
