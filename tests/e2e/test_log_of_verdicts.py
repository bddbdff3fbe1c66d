# SPDX-License-Identifier: Apache-2.0
"""The JSON log has one line for each verdict, and no other line."""

import json
from typing import Any

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, OperatorProcess, StartOperator
from smtp_testkit.testbed.operator_process import LOOPBACK

PASSWORD = "s3cret-Passw0rd"


def verdicts(operator: OperatorProcess) -> list[dict[str, Any]]:
    # The last line may be incomplete.
    lines = [json.loads(line) for line in operator.output().splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if "smtpconfig" in line]


def test_each_verdict_is_one_line_of_json(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    operator = start_operator(*LOOPBACK, f"--namespace={bed.namespace}")
    bed.secret("smtp-password", password="not-" + PASSWORD)
    login: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
    bed.create(server, "fails", recipients={"bcc": ["auditor@example.com"]}, **login)
    bed.create(server, "works")
    bed.create(server, "asked", suspend=True)
    bed.verdict("fails")
    bed.verdict("works")
    bed.verdict("asked")
    bed.ask("now", "asked")
    bed.wait(lambda it: it.status.get("lastHandledTestRequest") == "now", "asked")

    told = sorted((it["smtpconfig"], it["trigger"], it["passed"], it["reason"]) for it in verdicts(operator))
    assert told == [
        (f"{bed.namespace}/asked", "Requested", True, "TestEmailSent"),
        (f"{bed.namespace}/fails", "SpecChanged", False, "AuthenticationFailed"),
        (f"{bed.namespace}/works", "SpecChanged", True, "TestEmailSent"),
    ]
    for line in verdicts(operator):
        assert {"time", "level", "message", "generation", "mode", "duration_seconds"} <= line.keys()
    for secret in (PASSWORD, "auditor"):
        assert secret not in operator.output()
