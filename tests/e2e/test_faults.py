# SPDX-License-Identifier: Apache-2.0
"""Faults in the middle of a test do not affect other objects."""

from contextlib import ExitStack
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, dribble, silence
from smtp_testkit.testbed import Bed, OperatorProcess
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def test_a_secret_that_is_deleted_in_mid_test_is_missed_right_after_it(bed: Bed, server: MailServer) -> None:
    def deleted(verb: str) -> None:
        if verb == "RCPT":
            server.on_command = lambda verb: None
            bed.delete_secret("smtp-password")

    server.on_command = deleted
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **LOGIN)

    assert bed.wait(lambda it: it.reason == "SecretNotFound").conditions["Reconciling"]
    assert len(server.mails) == 1


def test_a_secret_that_comes_back_is_tested_at_once(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.verdict_of(server, **LOGIN)
    bed.delete_secret("smtp-password")
    bed.wait(lambda it: it.reason == "SecretNotFound")

    bed.secret("smtp-password", password=server.users["mailer"])

    assert bed.wait(lambda it: it.ready.status == "True").last_test["trigger"] == "PasswordChanged"


STEPS = ["banner", "EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize(
    "fault", [silence(), dribble(b"250-slow\r\n" * 60, every=1.0)], ids=["silence", "a-byte-a-second"]
)
def test_a_server_that_does_not_get_done_gets_its_verdict_within_its_budget(bed: Bed, fault: Action) -> None:
    with ExitStack() as stack:
        for step in STEPS:
            server = stack.enter_context(in_thread(FaultServer({step: fault})))
            bed.create(server, step.lower(), test={"timeout": "5s"})

        seen = [bed.verdict(step.lower(), seconds=60) for step in STEPS]

    assert {it.ready.status for it in seen} == {"False"}
    assert {it.conditions["Reconciling"] for it in seen} == {"ProgressingWithRetry"}


def test_where_the_mail_may_have_been_taken_it_is_not_sent_again(bed: Bed, server: MailServer) -> None:
    server.unanswered = {"."}

    seen = bed.verdict_of(server, test={"timeout": "5s"})

    assert (seen.ready.status, seen.conditions.get("Reconciling")) == ("False", "ProgressingWithRetry")
    assert seen.status["nextTestTime"] > seen.last_test["startTime"][:14] + "59"
    assert len(server.mails) == 1


def test_100_that_aim_at_a_tarpit_do_not_hold_up_a_healthy_one(bed: Bed, server: MailServer) -> None:
    with in_thread(FaultServer({"banner": silence()})) as tarpit:
        for number in range(100):
            bed.create(tarpit, f"stuck-{number}", test={"timeout": "10m"})

        bed.create(server, "healthy")

        # If tests ran one after another, this one would wait 19 times 30 s.
        assert bed.verdict("healthy").reason == "TestEmailSent"
        assert 0 < tarpit.connections <= 5


def test_an_operator_in_a_tarpit_stops_in_time(
    bed: Bed, server: MailServer, operator: OperatorProcess
) -> None:
    server.unanswered = {"banner"}
    bed.create(server)
    bed.wait(lambda it: it.reason == "Testing")

    assert operator.restart() == 0


@pytest.mark.alone
def test_a_restart_of_the_api_server_in_mid_test_loses_no_verdict_and_sends_no_mail_twice(
    bed: Bed, server: MailServer, cluster: LocalCluster, operator: OperatorProcess
) -> None:
    def restarted(verb: str) -> None:
        if verb == ".":
            server.on_command = lambda verb: None
            cluster.stop_apiserver()

    server.on_command = restarted
    bed.create(server)
    server.wait_for_mail()
    cluster.start_apiserver()

    assert bed.verdict(seconds=60).reason == "TestEmailSent"
    assert len(server.mails) == 1
    bed.create(server, "later")
    assert bed.verdict("later", seconds=60).reason == "TestEmailSent"
    assert operator.runs
