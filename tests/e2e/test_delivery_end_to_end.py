# SPDX-License-Identifier: Apache-2.0
"""`spec.delivery` on a real API server: the email of the operator arrives in a mailbox."""

from collections.abc import Iterator

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.testbed import Bed, StartOperator
from smtp_testkit.testbed.mailboxes import PROBE, delivery_to
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.seen import ObservedObject
from smtp_tools.localcluster import LocalCluster

FLAGS = (*LOOPBACK, "--allow-imap-port=1-65535")


@pytest.fixture
def mailbox() -> Iterator[ImapServer]:
    """A mailbox."""
    with in_thread(ImapServer()) as running:
        yield running


@pytest.fixture
def delivers(server: MailServer, mailbox: ImapServer) -> None:
    """The mail server delivers into the mailbox."""
    server.on_mail = lambda mail: mailbox.store(mail.content)


def delivered(it: ObservedObject) -> tuple[str, str]:
    """Return status and reason of the condition Delivered."""
    conditions = {found["type"]: found for found in it.status.get("conditions", ())}
    found = conditions.get("Delivered", {})
    return found.get("status", ""), found.get("reason", "")


def test_the_email_arrives_and_is_deleted(
    cluster: LocalCluster,
    bed: Bed,
    server: MailServer,
    mailbox: ImapServer,
    delivers: None,
    start_operator: StartOperator,
) -> None:
    start_operator(*FLAGS)
    bed.create(server, delivery=delivery_to(bed, mailbox))
    found = bed.wait(lambda it: delivered(it) == ("True", "InInbox"))

    assert found.status["delivery"]["folder"] == "Inbox"
    assert found.status["delivery"]["messageId"] == found.last_test["messageId"]
    assert bed.wait_for_event("InInbox")["type"] == "Normal"
    assert server.mails[0].recipients == ("ops@example.com", PROBE)
    cluster.kubectl(
        "wait", "-n", bed.namespace, "--for=condition=Delivered", "smtpconfig/mail", "--timeout=60s"
    )


def test_an_email_of_the_schedule_is_recorded_before_data(
    bed: Bed, server: MailServer, mailbox: ImapServer, delivers: None, start_operator: StartOperator
) -> None:
    start_operator(*FLAGS)
    bed.create(server, test={"mode": "Connect"}, delivery=delivery_to(bed, mailbox))
    found = bed.wait(lambda it: delivered(it) == ("True", "InInbox"))

    assert [it.recipients for it in server.mails] == [(PROBE,)]
    assert found.status["delivery"]["accepted"] is True
    assert found.last_test["mode"] == "Connect"


def test_the_default_ports_deny_other_ports(
    bed: Bed, server: MailServer, mailbox: ImapServer, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK)
    bed.create(server, delivery=delivery_to(bed, mailbox))
    found = bed.wait(lambda it: delivered(it) == ("Unknown", "MailboxUnavailable"))

    assert found.ready.status == "True"
    assert found.status["delivery"]["mailboxReason"] == "DestinationNotAllowed"
    assert mailbox.connections == 0
