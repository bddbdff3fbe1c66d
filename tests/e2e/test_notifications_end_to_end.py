# SPDX-License-Identifier: Apache-2.0
"""preferredNotifications: each kind of email, as received, and its recipients."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer, ReceivedMail
from smtp_testkit.testbed import Bed, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK

PASSWORD = "s3cret-Passw0rd"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
WITHOUT_DOUBT = 2.5
"""Seconds after which two edits certainly differ, because managedFields has whole seconds."""
TO, CC, BCC = "ops@example.com", "team@example.com", "hidden-bcc@example.com"
EVERYBODY = {"to": [TO], "cc": [CC], "bcc": [BCC]}


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator with a cluster name."""
    flags = [*LOOPBACK, "--cluster-name=prod-eu", "--log-level=debug"]
    with OperatorProcess(service_account, logs / "notifications.log", flags) as process:
        yield process.start()


pytestmark = pytest.mark.usefixtures("operator")


def subject(mail: ReceivedMail) -> str:
    """Return the part of the subject before the name of the object."""
    found = str(message_from_bytes(mail.content, policy=policy.default)["Subject"])
    return found.partition(":")[0]


def text(mail: ReceivedMail) -> str:
    message = message_from_bytes(mail.content, policy=policy.default)
    body = message.get_body()
    assert body is not None
    return str(body.get_content())


def told(bed: Bed, server: MailServer) -> list[tuple[str, tuple[str, ...]]]:
    """Return the emails of `mail`, after all other due emails have been sent."""
    name = f"barrier-{len(server.mails)}"
    bed.create(server, name, recipients={"to": ["barrier@example.com"]})
    bed.verdict(name)
    return [(subject(it), it.recipients) for it in server.mails if "barrier@example.com" not in it.recipients]


def test_recovered_describes_the_outage(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, recipients=EVERYBODY, preferredNotifications=["Recovered"])
    server.replies["MAIL"] = "550 5.7.1 blocked"
    bed.change(heloName="one.example.com")
    failed = bed.verdict()
    assert failed.ready.status == "False"
    del server.replies["MAIL"]
    bed.change(heloName="two.example.com")
    bed.verdict()

    assert told(bed, server) == [("Test email", (TO,)), ("Email works again", (TO, CC, BCC))]
    said = text(server.mails[1])
    assert f"SmtpConfig: {bed.namespace}/mail" in said
    assert "Cluster:    prod-eu" in said
    assert f"Failed:     since {failed.ready.since} ({failed.status['summary']})" in said
    assert b"hidden-bcc" not in server.mails[1].content


def test_password_rotated_is_the_mail_of_that_test_and_comes_once_an_hour(
    bed: Bed, server: MailServer, operator: OperatorProcess
) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    spec = LOGIN | {"recipients": EVERYBODY, "preferredNotifications": ["PasswordRotated"]}
    seen = bed.verdict_of(server, **spec)

    def rotated(password: str) -> None:
        nonlocal seen
        # An edit in the same second as the previous one is in doubt, and tested without an email (rule 6).
        time.sleep(WITHOUT_DOUBT)
        server.users["mailer"] = password
        before = seen.last_test["startTime"]
        bed.secret("smtp-password", password=password)
        seen = bed.wait(lambda it: it.ready.status == "True" and it.last_test["startTime"] != before)

    rotated("second-Passw0rd")
    operator.restart()
    rotated("third-Passw0rd")

    assert told(bed, server) == [
        ("Test email", (TO,)),
        ("The new password works", (TO, CC, BCC)),
        ("Test email", (TO,)),
    ]
    assert b"hidden-bcc" not in server.mails[1].content
    assert "The password has changed, and the mail server accepts the new one." in text(server.mails[1])


def test_certificate_expiring_is_a_separate_email_and_is_sent_once_across_restarts(
    bed: Bed, server: MailServer, operator: OperatorProcess
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10, hours=1)
    certificate = server.ca.issue_cert("127.0.0.1", not_before=ends - timedelta(days=90), not_after=ends)
    certificate.configure_cert(server.tls_context)
    spec: dict[str, Any] = {
        "recipients": EVERYBODY,
        "preferredNotifications": ["CertificateExpiring"],
    }

    bed.create(server, smtp_type="StartTLS", tls=bed.trust(server), **spec)
    bed.wait(lambda it: bool(it.status.get("notifications")))
    operator.restart()

    assert told(bed, server) == [("Test email", (TO,)), ("A certificate expires soon", (TO, CC, BCC))]
    assert b"hidden-bcc" not in server.mails[1].content
    assert f"{ends:%Y-%m-%d}" in text(server.mails[1])


def test_a_kind_that_was_not_chosen_is_not_sent(bed: Bed, server: MailServer) -> None:
    chosen: dict[str, Any] = {"recipients": {"cc": [CC], "bcc": [BCC]}, "preferredNotifications": ["None"]}
    bed.verdict_of(server, **chosen)
    server.replies["MAIL"] = "550 5.7.1 blocked"
    bed.change(heloName="one.example.com")
    bed.verdict()
    del server.replies["MAIL"]
    bed.change(heloName="two.example.com")
    bed.verdict()

    heard = {recipients for _, recipients in told(bed, server)}
    assert heard == {("noreply@example.com",)}
