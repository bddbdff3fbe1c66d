# SPDX-License-Identifier: Apache-2.0
"""Each fault of a server in each phase has a verdict that names the fault and the phase."""

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, after, drop, raw, reply, silence, then
from smtp_testkit.mailpeers.trial import Trial

pytestmark = pytest.mark.looptime

GARBAGE = raw(b"\x00\xff\x80 what is this?\r\n")


@pytest.mark.parametrize(
    ("step", "action", "reason", "phase"),
    [
        ("banner", silence(), Reason.BANNER_TIMEOUT, Phase.BANNER),
        ("banner", drop(), Reason.CONNECTION_CLOSED_BY_SERVER, Phase.BANNER),
        ("banner", GARBAGE, Reason.NOT_AN_SMTP_SERVER, Phase.BANNER),
        ("EHLO", silence(), Reason.REPLY_TIMEOUT, Phase.EHLO),
        ("EHLO", drop(), Reason.CONNECTION_LOST, Phase.EHLO),
        ("EHLO", GARBAGE, Reason.REPLY_INVALID, Phase.EHLO),
        ("AUTH", silence(), Reason.REPLY_TIMEOUT, Phase.AUTH),
        ("AUTH", drop(), Reason.AUTH_CONNECTION_DROPPED, Phase.AUTH),
        ("AUTH", GARBAGE, Reason.REPLY_INVALID, Phase.AUTH),
        ("MAIL", silence(), Reason.REPLY_TIMEOUT, Phase.MAIL_FROM),
        ("MAIL", drop(), Reason.CONNECTION_LOST, Phase.MAIL_FROM),
        ("MAIL", GARBAGE, Reason.REPLY_INVALID, Phase.MAIL_FROM),
        ("RCPT", silence(), Reason.REPLY_TIMEOUT, Phase.RCPT_TO),
        ("RCPT", GARBAGE, Reason.REPLY_INVALID, Phase.RCPT_TO),
        ("DATA", silence(), Reason.REPLY_TIMEOUT, Phase.DATA),
        ("DATA", drop(), Reason.CONNECTION_LOST, Phase.DATA),
        ("DATA", GARBAGE, Reason.REPLY_INVALID, Phase.DATA),
        (".", silence(), Reason.DATA_TIMEOUT, Phase.DATA),
        (".", drop(), Reason.DISCONNECTED_IN_DATA, Phase.DATA),
    ],
)
async def test_silence_an_abrupt_end_and_garbage(
    trial: Trial, step: str, action: Action, reason: Reason, phase: Phase
) -> None:
    async with FaultServer({step: action}) as server:
        report = await trial(server, password="s3cret-pw", timeout=60)

    assert (report.verdict.reason, report.verdict.phase) == (reason, phase)
    assert report.duration <= 60


@pytest.mark.parametrize(
    ("step", "action", "reason", "phase"),
    [
        ("STARTTLS", silence(), Reason.REPLY_TIMEOUT, Phase.START_TLS),
        ("STARTTLS", drop(), Reason.CONNECTION_LOST, Phase.START_TLS),
        ("STARTTLS", GARBAGE, Reason.REPLY_INVALID, Phase.START_TLS),
        ("STARTTLS", reply("454 4.7.0 TLS not available"), Reason.START_TLS_UNAVAILABLE, Phase.START_TLS),
        ("STARTTLS", reply("250 ok, and on we go"), Reason.REPLY_INVALID, Phase.START_TLS),
        ("handshake", silence(), Reason.TLS_HANDSHAKE_TIMEOUT, Phase.TLS),
        ("handshake", drop(), Reason.TLS_HANDSHAKE_DROPPED, Phase.TLS),
        ("handshake", after(1, reply("250 clear text")), Reason.START_TLS_UNAVAILABLE, Phase.TLS),
    ],
)
async def test_failures_of_starttls(
    trial: Trial, step: str, action: Action, reason: Reason, phase: Phase
) -> None:
    async with FaultServer({step: action}, tls="starttls") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS, ca_pem=server.ca_pem, password="s3cret-pw")

    assert (report.verdict.reason, report.verdict.phase) == (reason, phase)
    assert not any(line.startswith(b"AUTH") for line in server.received)


@pytest.mark.parametrize(
    ("action", "reason"),
    [(silence(), Reason.TLS_HANDSHAKE_TIMEOUT), (drop(), Reason.TLS_HANDSHAKE_DROPPED)],
)
async def test_failures_of_an_implicit_tls_handshake(trial: Trial, action: Action, reason: Reason) -> None:
    async with FaultServer({"handshake": action}, tls="implicit") as server:
        report = await trial(server, smtp_type=SmtpType.TLS, ca_pem=server.ca_pem)

    assert (report.verdict.reason, report.verdict.phase) == (reason, Phase.TLS)


async def test_a_421_in_any_phase_means_that_the_server_shuts_down(trial: Trial) -> None:
    async with FaultServer({"MAIL": then(reply("421 4.3.2 shutting down"), drop())}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.SERVICE_CLOSING
    assert report.verdict.reply == "421 4.3.2"


async def test_an_unrequested_421_is_not_lost(trial: Trial) -> None:
    async with FaultServer(
        {"EHLO": then(reply("250 fault.test"), reply("421 4.4.2 idle too long"), drop())}
    ) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.SERVICE_CLOSING


async def test_a_reply_cut_off_by_the_end_of_the_connection_still_counts(trial: Trial) -> None:
    async with FaultServer({"RCPT": then(raw(b"550-5.7.1 blocked using zen.example\r\n"), drop())}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.CLIENT_BLOCKED
    assert report.verdict.reply == "550 5.7.1"


async def test_535_stays_the_reason_if_421_and_the_end_follow(trial: Trial) -> None:
    refusal = then(reply("535 5.7.8 bad credentials"), reply("421 4.7.0 go away"), drop())
    async with FaultServer({"AUTH": refusal}) as server:
        report = await trial(server, password="wrong-pw")

    assert report.verdict.reason is Reason.AUTHENTICATION_FAILED
    assert report.verdict.reply == "535 5.7.8"
    assert 'server said: "535 5.7.8 bad credentials"' in report.verdict.message


async def test_bytes_sent_before_tls_are_not_taken_for_replies_after_it(trial: Trial) -> None:
    """Inject a reply before TLS, as a man in the middle would (RFC 3207 section 4.2)."""
    injected = raw(b"220 go\r\n250-evil.test\r\n250 AUTH PLAIN\r\n")
    async with FaultServer({"STARTTLS": injected}, tls="starttls") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS, ca_pem=server.ca_pem, password="s3cret-pw")

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT


async def test_the_reply_to_quit_is_ignored(trial: Trial) -> None:
    for action in (silence(), drop(), GARBAGE, reply("500 what?")):
        async with FaultServer({"QUIT": action}) as server:
            report = await trial(server)

        assert report.verdict.reason is Reason.TEST_EMAIL_SENT
        assert report.duration < 1


async def test_an_unknown_delivery_is_never_sent_again_soon(trial: Trial) -> None:
    async with FaultServer({".": drop()}) as server:
        report = await trial(server)

    assert report.verdict.retry is Retry.UNKNOWN_DELIVERY
    assert "not sent again before the next recheck" in report.verdict.message


async def test_an_old_server_that_knows_only_helo_is_supported(trial: Trial) -> None:
    async with FaultServer({"EHLO": reply("502 5.5.1 not implemented")}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert b"HELO example.com" in server.received


async def test_a_refusal_of_ehlo_and_helo_is_helo_rejected(trial: Trial) -> None:
    async with FaultServer({"EHLO": reply("550 bad name"), "HELO": reply("550 bad name")}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.HELO_REJECTED


async def test_a_slow_reply_within_its_limit_is_not_a_failure(trial: Trial) -> None:
    async with FaultServer({"banner": after(10, reply("220 fault.test"))}) as server:
        report = await trial(server)

    assert report.verdict.passed
    assert report.duration == pytest.approx(10, abs=0.5)
