# SPDX-License-Identifier: Apache-2.0
"""With the same Postfix, the engine reports the right reason, and swaks fails at the same step."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_testkit.realpeers import PASSWORD, USER, RealPeers, swaks

MEMBER = "noreply@test.example"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Wrong settings for the server at ``port``, and the expected verdict."""

    port: str
    reason: Reason
    phase: Phase
    swaks_code: int
    smtp_type: SmtpType = SmtpType.NONE
    password: str = ""
    mechanism: str = "PLAIN"
    sender: str = "noreply@test.example"
    recipient: str = "ops@test.example"
    helo_name: str = "client.test.example"
    trusted: bool = True
    subject: str = "test"


MISTAKES = {
    "wrong password, PLAIN": Mistake(
        port="submission",
        smtp_type=SmtpType.START_TLS,
        password="not the password",
        reason=Reason.AUTHENTICATION_FAILED,
        phase=Phase.AUTH,
        swaks_code=28,
    ),
    "wrong password, LOGIN": Mistake(
        port="submission",
        smtp_type=SmtpType.START_TLS,
        password="not the password",
        mechanism="LOGIN",
        reason=Reason.AUTHENTICATION_FAILED,
        phase=Phase.AUTH,
        swaks_code=28,
    ),
    "wrong password, CRAM-MD5 over implicit TLS": Mistake(
        port="smtps",
        smtp_type=SmtpType.TLS,
        password="not the password",
        mechanism="CRAM-MD5",
        reason=Reason.AUTHENTICATION_FAILED,
        phase=Phase.AUTH,
        swaks_code=28,
    ),
    "login before TLS": Mistake(
        port="auth_after_tls",
        password=PASSWORD,
        reason=Reason.AUTH_NOT_OFFERED,
        phase=Phase.AUTH,
        swaks_code=28,
    ),
    "mail before TLS": Mistake(
        port="submission",
        reason=Reason.START_TLS_REQUIRED,
        phase=Phase.MAIL_FROM,
        swaks_code=23,
    ),
    "relay denied": Mistake(
        port="relay",
        recipient="somebody@elsewhere.example",
        reason=Reason.RELAY_DENIED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "relay denied over TLS, since nobody logged in": Mistake(
        port="auth_after_tls",
        smtp_type=SmtpType.START_TLS,
        recipient="somebody@elsewhere.example",
        reason=Reason.RELAY_DENIED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "members only": Mistake(
        port="members_only",
        smtp_type=SmtpType.START_TLS,
        reason=Reason.CLIENT_BLOCKED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "sender owned, but nobody logged in": Mistake(
        port="submission",
        smtp_type=SmtpType.START_TLS,
        reason=Reason.AUTHENTICATION_REQUIRED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "sender not owned": Mistake(
        port="submission",
        smtp_type=SmtpType.START_TLS,
        password=PASSWORD,
        sender="ceo@test.example",
        reason=Reason.FROM_ADDRESS_REJECTED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "sender refused at MAIL": Mistake(
        port="sender_blocked_at_mail",
        sender="blocked@test.example",
        reason=Reason.FROM_ADDRESS_REJECTED,
        phase=Phase.MAIL_FROM,
        swaks_code=23,
    ),
    "unknown recipient": Mistake(
        port="relay",
        recipient="nobody@test.example",
        reason=Reason.RECIPIENTS_REFUSED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "HELO name refused, said at RCPT": Mistake(
        port="strict_helo",
        helo_name="bad.test.example",
        reason=Reason.HELO_REJECTED,
        phase=Phase.RCPT_TO,
        swaks_code=24,
    ),
    "HELO name refused at once": Mistake(
        port="strict_helo_at_once",
        helo_name="bad.test.example",
        reason=Reason.HELO_REJECTED,
        phase=Phase.EHLO,
        swaks_code=22,
    ),
    "address refused in the greeting": Mistake(
        port="closed_to_all",
        reason=Reason.CLIENT_BLOCKED,
        phase=Phase.BANNER,
        swaks_code=21,
    ),
    "content refused": Mistake(
        port="filtered",
        subject="refuse me",
        reason=Reason.MESSAGE_REJECTED,
        phase=Phase.DATA,
        swaks_code=26,
    ),
    "no STARTTLS": Mistake(
        port="relay",
        smtp_type=SmtpType.START_TLS,
        reason=Reason.START_TLS_NOT_OFFERED,
        phase=Phase.START_TLS,
        swaks_code=29,
    ),
    "STARTTLS broken": Mistake(
        port="broken_tls",
        smtp_type=SmtpType.START_TLS,
        reason=Reason.START_TLS_UNAVAILABLE,
        phase=Phase.START_TLS,
        swaks_code=29,
    ),
    "certificate of an unknown CA": Mistake(
        port="submission",
        smtp_type=SmtpType.START_TLS,
        trusted=False,
        reason=Reason.CERTIFICATE_UNTRUSTED,
        phase=Phase.TLS,
        swaks_code=29,
    ),
    "TLS to a port in clear": Mistake(
        port="relay",
        smtp_type=SmtpType.TLS,
        reason=Reason.PLAINTEXT_SERVER,
        phase=Phase.TLS,
        swaks_code=29,
    ),
    "in clear to a TLS port": Mistake(
        port="smtps",
        reason=Reason.TLS_EXPECTED_BY_SERVER,
        phase=Phase.BANNER,
        swaks_code=21,
    ),
}


@pytest.mark.parametrize("mistake", [pytest.param(mistake, id=name) for name, mistake in MISTAKES.items()])
async def test_engine_and_swaks_fail_at_the_same_step(
    trial: Trial, peers: RealPeers, mistake: Mistake
) -> None:
    port = peers.ports[mistake.port]
    changes: dict[str, Any] = {}
    if mistake.password:
        changes |= {"username": USER, "password": mistake.password}
    if mistake.trusted:
        changes["ca_pem"] = peers.ca_pem

    judged = await asyncio.to_thread(
        swaks,
        port,
        smtp_type=mistake.smtp_type,
        mechanism=mistake.mechanism,
        sender=mistake.sender,
        recipient=mistake.recipient,
        helo_name=mistake.helo_name,
        subject=mistake.subject,
        verify=None if mistake.trusted else peers.directory / "queue",  # no CA is in there
        timeout=4,
        username=USER if mistake.password else "",
        password=mistake.password,
    )
    report = await trial(
        port,
        smtp_type=mistake.smtp_type,
        auth_mechanism=mistake.mechanism,
        sender=mistake.sender,
        recipients=recipients(to=[mistake.recipient]),
        helo_name=mistake.helo_name,
        subject=mistake.subject,
        allow_insecure_auth=True,
        **changes,
    )

    assert report.verdict.reason is mistake.reason, report.verdict.message
    assert report.verdict.phase is mistake.phase
    assert judged.code == mistake.swaks_code, judged.output
    assert mistake.phase in judged.phases


async def test_nothing_listens(trial: Trial, peers: RealPeers, closed_port: int) -> None:
    judged = await asyncio.to_thread(swaks, closed_port, sender=MEMBER, recipient="ops@test.example")
    report = await trial(closed_port)

    assert report.verdict.reason is Reason.CONNECTION_REFUSED
    assert judged.code == 2
    assert report.verdict.phase in judged.phases


async def test_the_first_of_two_tries_is_greylisted(trial: Trial, peers: RealPeers) -> None:
    """Use a new sender for each client, which the server has never seen."""
    port = peers.ports["greylisted"]
    to = recipients(to=["ops@test.example"])

    first = await trial(port, sender="new@test.example", recipients=to)
    second = await trial(port, sender="new@test.example", recipients=to)
    judged = await asyncio.to_thread(swaks, port, sender="other@test.example", recipient="ops@test.example")

    assert first.verdict.reason is Reason.GREYLISTED
    assert first.verdict.phase in judged.phases
    assert judged.code == 24
    assert second.verdict.reason is Reason.TEST_EMAIL_SENT
