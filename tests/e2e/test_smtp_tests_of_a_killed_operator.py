# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment of a SmtpTest causes no second email; deletion causes none."""

import threading
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, StartOperator
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.once import verdict
from smtp_testkit.testbed.operator_process import LOOPBACK

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


@pytest.mark.parametrize(
    ("verb", "mails", "reason"),
    [
        ("banner", 1, "TestEmailSent"),
        ("AUTH", 1, "TestEmailSent"),
        ("RCPT", 1, "TestEmailSent"),
        ("DATA", 0, "Interrupted"),
        (".", 1, "Interrupted"),
    ],
)
def test_a_killed_operator_repeats_what_precedes_data_and_no_email(
    bed: Bed, server: MailServer, start_operator: StartOperator, verb: str, mails: int, reason: str
) -> None:
    operator = start_operator()

    def killed(said: str) -> None:
        if said == verb:
            server.on_command = lambda verb: None
            operator.kill()

    server.on_command = killed
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create_test("try", settings=settings(server, **LOGIN))
    assert operator.ended() == -9

    operator.start()

    assert verdict(bed) == reason
    assert len(server.mails) == mails


def test_deletion_cancels_before_data(bed: Bed, server: MailServer, start_operator: StartOperator) -> None:
    start_operator()
    asked = threading.Event()
    server.unanswered = {"RCPT"}
    server.on_command = lambda verb: asked.set() if verb == "RCPT" else None
    bed.create_test("try", settings=settings(server))
    assert asked.wait(60)

    bed.api.delete(f"{bed.tests}/try")

    server.wait_for_idle()
    assert server.mails == []


def test_with_the_policies_a_config_ref_sends_to_others(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK, "--smtp-tests")
    before = bed.verdict_of(server)
    bed.create_test("try", configRef={"name": "mail"}, recipients={"to": ["me@example.com"]})
    assert verdict(bed) == "TestEmailSent"
    assert [mail.recipients for mail in server.mails] == [("ops@example.com",), ("me@example.com",)]
    assert bed.seen().object["metadata"]["resourceVersion"] == before.object["metadata"]["resourceVersion"]
