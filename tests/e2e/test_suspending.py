# SPDX-License-Identifier: Apache-2.0
"""spec.suspend keeps the verdict and stops tests; after resuming only due tests run."""

from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed

pytestmark = pytest.mark.usefixtures("operator")

PASSWORD = "s3cret-Passw0rd"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def after_a_while(bed: Bed, server: MailServer) -> int:
    """Return the number of emails of `mail`, after the operator has handled everything until now.

    A watch keeps the order of Secrets, so the verdict about a later Secret comes later.
    """
    bed.secret("barrier", password="not the password")
    bed.create(server, "barrier", **(LOGIN | {"password": {"secretRef": {"name": "barrier"}}}))
    bed.verdict("barrier")
    bed.secret("barrier", password=PASSWORD)
    bed.wait(lambda it: it.ready.status == "True", "barrier")
    return sum(b"/barrier" not in mail.content for mail in server.mails)


def test_rule_5_a_suspended_object_keeps_its_verdict_and_resuming_tests_nothing(
    bed: Bed, server: MailServer
) -> None:
    before = bed.verdict_of(server)

    bed.change(suspend=True)
    suspended = bed.verdict()
    bed.change(suspend=False)
    resumed = bed.verdict()

    for seen in (suspended, resumed):
        assert (seen.ready.status, seen.ready.since) == ("True", before.ready.since)
        assert seen.last_test == before.last_test
    assert len(server.mails) == 1


def test_a_password_that_changes_meanwhile_is_tested_when_it_is_resumed(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    bed.verdict_of(server, **LOGIN)
    bed.change(suspend=True)
    bed.verdict()

    bed.secret("smtp-password", password="not the password")
    assert after_a_while(bed, server) == 1
    assert bed.seen().ready.status == "True"

    bed.change(suspend=False)
    seen = bed.wait(lambda it: it.reason == "AuthenticationFailed")
    assert seen.last_test["trigger"] == "PasswordChanged"


def test_resuming_tests_what_has_no_verdict(bed: Bed, server: MailServer) -> None:
    bed.verdict_of(server, suspend=True)
    assert server.connections_total == 0

    bed.change(suspend=False)

    assert bed.wait(lambda it: it.ready.status == "True").reason == "TestEmailSent"
    assert len(server.mails) == 1
