# SPDX-License-Identifier: Apache-2.0
"""Logins to a real Postfix with a real Dovecot: each mechanism, one attempt, no leaked password."""

import asyncio
import base64
import re

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import SmtpType
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_testkit.realpeers import PASSWORD, USER, RealPeers, swaks

MEMBER = "noreply@test.example"
OPS = "ops@test.example"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize(
    ("port", "smtp_type"), [("submission", SmtpType.START_TLS), ("smtps", SmtpType.TLS)], ids=["587", "465"]
)
async def test_mail_of_a_user_who_logs_in_is_accepted(
    trial: Trial, peers: RealPeers, mechanism: str, port: str, smtp_type: SmtpType
) -> None:
    report = await trial(
        peers.ports[port],
        smtp_type=smtp_type,
        username=USER,
        password=PASSWORD,
        auth_mechanism=mechanism,
        sender=MEMBER,
        recipients=recipients(to=[OPS]),
        ca_pem=peers.ca_pem,
    )
    judged = await asyncio.to_thread(
        swaks,
        peers.ports[port],
        smtp_type=smtp_type,
        username=USER,
        password=PASSWORD,
        mechanism=mechanism,
        sender=MEMBER,
        recipient=OPS,
    )

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert report.server.auth_mechanism == mechanism
    assert judged.code == 0, judged.output


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_no_report_of_a_refused_login_holds_the_password(
    trial: Trial, peers: RealPeers, mechanism: str
) -> None:
    wrong = f"no password by {mechanism}"

    report = await trial(
        peers.ports["submission"],
        smtp_type=SmtpType.START_TLS,
        username=USER,
        password=wrong,
        auth_mechanism=mechanism,
        sender=MEMBER,
        ca_pem=peers.ca_pem,
    )

    told = repr(report)
    assert report.dialogue
    for secret in (wrong, f"\0{USER}\0{wrong}"):
        assert base64.b64encode(secret.encode()).decode() not in told
        assert secret not in told
    assert not re.search(r"[A-Za-z0-9+/=]{24,}", "".join(line for line in report.dialogue if "C:" in line))


async def test_the_server_counts_one_attempt_for_one_test(trial: Trial, peers: RealPeers) -> None:
    await peers.at_rest()  # else the line could be of a connection of the test before
    before = len(peers.log)

    await trial(
        peers.ports["submission"],
        smtp_type=SmtpType.START_TLS,
        username=USER,
        password="not the password",
        sender=MEMBER,
        ca_pem=peers.ca_pem,
    )

    assert "auth=0/1 " in await peers.logged("disconnect from", after=before)


async def test_some_recipients_refused_is_said_of_each_and_the_others_get_the_mail(
    trial: Trial, peers: RealPeers
) -> None:
    report = await trial(
        peers.ports["relay"],
        sender=MEMBER,
        recipients=recipients(to=[OPS], cc=["nobody@test.example"], bcc=["hidden@elsewhere.example"]),
    )

    assert report.verdict.reason is Reason.RECIPIENTS_PARTIALLY_REFUSED
    assert [recipient.accepted for recipient in report.recipients] == [True, False, False]
    assert report.response.startswith("250 2.0.0 Ok: queued as")
    assert "hidden@elsewhere.example" not in repr(report)
