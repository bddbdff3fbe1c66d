# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment of a test causes at most one extra email, with the same Message-ID."""

import re
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, StartOperator

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def message_ids(server: MailServer) -> list[bytes]:
    return [re.findall(rb"(?mi)^Message-ID: (\S+)", mail.content)[0] for mail in server.mails]


@pytest.mark.parametrize(
    ("verb", "mails"),
    [
        ("banner", 1),
        ("EHLO", 1),
        ("AUTH", 1),
        ("MAIL", 1),
        ("RCPT", 1),
        ("DATA", 1),
        (".", 2),
        ("QUIT", 2),
    ],
)
def test_a_killed_operator_comes_back_and_finishes(
    bed: Bed, server: MailServer, start_operator: StartOperator, verb: str, mails: int
) -> None:
    operator = start_operator()

    def killed(said: str) -> None:
        if said == verb:
            server.on_command = lambda verb: None
            operator.kill()

    server.on_command = killed
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **LOGIN)
    assert operator.ended() == -9

    operator.start()

    assert bed.verdict().reason == "TestEmailSent"
    assert len(server.mails) == mails
    assert len(set(message_ids(server))) == 1
