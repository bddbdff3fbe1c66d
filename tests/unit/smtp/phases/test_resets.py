# SPDX-License-Identifier: Apache-2.0
"""A connection reset (RST) has the same meaning as a closed connection, over a real network."""

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.mailpeers.faultserver import FaultServer, reset
from smtp_testkit.mailpeers.trial import Trial


@pytest.mark.parametrize(
    ("step", "reason", "phase"),
    [
        ("banner", Reason.CONNECTION_CLOSED_BY_SERVER, Phase.BANNER),
        ("EHLO", Reason.CONNECTION_LOST, Phase.EHLO),
        ("AUTH", Reason.AUTH_CONNECTION_DROPPED, Phase.AUTH),
        ("MAIL", Reason.CONNECTION_LOST, Phase.MAIL_FROM),
        ("RCPT", Reason.CONNECTION_LOST, Phase.RCPT_TO),
        ("DATA", Reason.CONNECTION_LOST, Phase.DATA),
        (".", Reason.DISCONNECTED_IN_DATA, Phase.DATA),
    ],
)
async def test_in_each_phase(trial: Trial, step: str, reason: Reason, phase: Phase) -> None:
    async with FaultServer({step: reset()}) as server:
        report = await trial(server.port, password="s3cret-pw")

    assert (report.verdict.reason, report.verdict.phase) == (reason, phase)


async def test_in_the_tls_handshake(trial: Trial) -> None:
    async with FaultServer({"handshake": reset()}, tls="starttls") as server:
        after_starttls = await trial(server.port, smtp_type=SmtpType.START_TLS)
    async with FaultServer({"handshake": reset()}, tls="implicit") as server:
        from_the_first_byte = await trial(server.port, smtp_type=SmtpType.TLS)

    assert after_starttls.verdict.reason is Reason.TLS_HANDSHAKE_DROPPED
    assert from_the_first_byte.verdict.reason is Reason.TLS_HANDSHAKE_DROPPED


async def test_a_reset_at_quit_changes_nothing(trial: Trial) -> None:
    async with FaultServer({"QUIT": reset()}) as server:
        report = await trial(server.port)

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
