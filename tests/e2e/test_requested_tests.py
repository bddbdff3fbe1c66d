# SPDX-License-Identifier: Apache-2.0
"""`kubectl annotate smtpconfig NAME smtp-operator.io/test-requested-at=...` runs one test."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, ObservedObject
from smtp_testkit.testbed.bed import settings, smtp_config
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")


def handled(value: str) -> Callable[[ObservedObject], bool]:
    return lambda seen: seen.status.get("lastHandledTestRequest") == value


def test_a_request_runs_one_test_and_its_value_is_in_status_when_that_has_ended(
    bed: Bed, server: MailServer
) -> None:
    bed.create(server, suspend=True)
    bed.verdict()

    bed.ask("2026-01-31T12:00:00+00:00")

    seen = bed.wait(handled("2026-01-31T12:00:00+00:00"))
    assert (seen.reason, seen.last_test["trigger"]) == ("TestEmailSent", "Requested")
    assert len(server.mails) == 1


def test_a_request_that_is_there_at_creation_costs_no_second_test(bed: Bed, server: MailServer) -> None:
    config = smtp_config("mail", settings(server))
    config["metadata"]["annotations"] = {"smtp-operator.io/test-requested-at": "at once"}
    bed.api.create(bed.configs, config)

    bed.wait(handled("at once"))

    assert len(server.mails) == 1


def test_a_request_within_10_seconds_of_the_last_test_runs_when_they_are_over(
    bed: Bed, server: MailServer
) -> None:
    before = bed.verdict_of(server)

    bed.ask("soon")

    after = bed.wait(handled("soon"))
    first, second = (datetime.fromisoformat(it.last_test["startTime"]) for it in (before, after))
    assert second - first >= timedelta(seconds=10)
    assert len(server.mails) == 2


def test_kubectl_annotate_and_wait_as_the_docs_show_them(
    bed: Bed, server: MailServer, cluster: LocalCluster
) -> None:
    bed.create(server, suspend=True)
    annotation = "smtp-operator.io/test-requested-at=now"
    namespace = f"--namespace={bed.namespace}"

    cluster.kubectl("annotate", "smtpconfig", "mail", annotation, "--overwrite", namespace)
    condition = "--for=jsonpath={.status.lastHandledTestRequest}=now"
    cluster.kubectl("wait", condition, "smtpconfig/mail", namespace, "--timeout=60s")

    assert len(server.mails) == 1


def test_only_a_requested_test_that_takes_over_a_second_names_its_phase(bed: Bed, server: MailServer) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    server.unanswered = {"RCPT"}

    bed.ask("slow")

    seen = bed.wait(lambda it: it.reason == "Testing" and "RcptTo" in it.message)
    assert seen.condition("Reconciling").reason == "Testing"


def test_a_request_is_answered_whatever_the_state(bed: Bed, server: MailServer) -> None:
    """Request tests with a missing password, and with an error that only a change can fix."""
    bed.create(server, "waits", username="mailer", password={"secretRef": {"name": "missing"}})
    bed.create(server, "stalled", smtpType="TLS")
    assert bed.verdict("waits").conditions["Reconciling"] == "WaitingForDependency"
    assert "Stalled" in bed.verdict("stalled").conditions

    bed.ask("no change", "waits")
    bed.ask("no change", "stalled")

    for name, reason in (("waits", "SecretNotFound"), ("stalled", "PlaintextServer")):
        seen = bed.wait(handled("no change"), name)
        assert (seen.reason, seen.last_test["trigger"]) == (reason, "Requested")
        assert seen.ready.observed_generation == 1


def test_a_request_together_with_a_changed_spec_is_one_test(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, suspend=True)
    metadata = {"annotations": {"smtp-operator.io/test-requested-at": "both"}}
    spec = {"suspend": False, "recipients": {"to": ["second@example.com"]}}

    bed.api.patch(f"{bed.configs}/mail", {"metadata": metadata, "spec": spec})

    assert bed.wait(handled("both")).judged
    assert [mail.recipients for mail in server.mails] == [("second@example.com",)]


def test_of_requests_that_come_amid_a_test_the_last_one_is_answered_by_one_more(
    bed: Bed, server: MailServer
) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    server.replies["MAIL"] = "451 4.3.0 later"
    values = ["during 1", "during 2", "during 3"]

    def asks(verb: str) -> None:
        while verb == "MAIL" and values:
            bed.ask(values.pop(0))

    server.on_command = asks

    bed.ask("before")

    first = bed.wait(handled("before"))
    last = bed.wait(handled("during 3"), seconds=40)
    assert first.last_test["startTime"] < last.last_test["startTime"]


def test_a_request_is_handled_once(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, suspend=True)
    bed.ask("once")
    bed.wait(handled("once"))

    bed.api.patch(f"{bed.configs}/mail", {"metadata": {"labels": {"tier": "1"}}})
    bed.ask("once")
    bed.create(server, "later", suspend=True)
    bed.verdict("later")

    assert len(server.mails) == 1
