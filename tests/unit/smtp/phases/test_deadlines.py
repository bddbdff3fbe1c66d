# SPDX-License-Identifier: Apache-2.0
"""Limits of the phases and of the whole test, on a fake clock."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Hashable

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, SmtpType
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, after, dribble, reply, silence
from smtp_testkit.mailpeers.trial import Trial

pytestmark = pytest.mark.looptime

GREETING = b"220 fault.test ESMTP\r\n"


@pytest.mark.parametrize("step", ["banner", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."])
async def test_a_silent_server_gets_all_of_the_time(trial: Trial, step: str) -> None:
    async with FaultServer({step: silence()}) as server:
        report = await trial(server, password="s3cret-pw", timeout=120)

    assert report.duration == pytest.approx(120, abs=0.5)
    assert "within 120 s" in report.verdict.message
    minutes = 10 if step == "." else 5
    assert report.verdict.message.endswith(
        f"Set test.timeout: {minutes}m if this server is expected to be slow."
    )


async def test_a_silent_tls_handshake_gets_all_of_the_time(trial: Trial) -> None:
    async with FaultServer({"handshake": silence()}, tls="starttls") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS, ca_pem=server.ca_pem)

    assert report.verdict.reason is Reason.TLS_HANDSHAKE_TIMEOUT
    assert report.duration == pytest.approx(45, abs=0.5)


async def test_no_longer_time_than_the_longest_is_suggested(trial: Trial) -> None:
    async with FaultServer({"MAIL": silence()}) as server:
        report = await trial(server, timeout=600)

    assert report.verdict.reason is Reason.REPLY_TIMEOUT
    assert "test.timeout" not in report.verdict.message


async def test_a_greeting_byte_by_byte_does_not_stretch_the_limit(trial: Trial) -> None:
    async with FaultServer({"banner": dribble(GREETING, every=2)}) as server:
        report = await trial(server, timeout=30)

    assert report.verdict.reason is Reason.BANNER_TIMEOUT
    assert report.duration == pytest.approx(30, abs=0.5)


async def test_an_endless_greeting_ends_at_its_limit(trial: Trial) -> None:
    tarpit = dribble(b"220-please wait\r\n" * 1000, every=0.05)
    async with FaultServer({"banner": tarpit}) as server:
        report = await trial(server)

    assert report.verdict.reason is Reason.BANNER_TIMEOUT
    assert report.duration == pytest.approx(45, abs=0.5)


async def test_slow_but_steady_replies_use_up_the_budget(trial: Trial) -> None:
    slow: dict[str, Action] = {
        "banner": after(2, reply("220 fault.test")),
        "EHLO": after(2, reply("250 fault.test")),
        "MAIL": after(2, reply("250 ok")),
        "RCPT": after(2, reply("250 ok")),
    }
    async with FaultServer(slow) as server:
        report = await trial(server, timeout=7)

    assert report.verdict.reason is Reason.TOTAL_BUDGET_EXCEEDED
    assert report.verdict.message == (
        "The server answers slowly: 6 s for 3 replies, then 1 s without an answer to RCPT TO [in RcptTo]. "
        "The test took longer than test.timeout. The phases in the status show where. "
        "Set test.timeout: 6m if this server is expected to be slow."
    )
    assert report.duration == pytest.approx(7, abs=0.2)


async def test_a_step_that_used_up_a_small_budget_is_named(trial: Trial) -> None:
    async with FaultServer({"MAIL": silence()}) as server:
        report = await trial(server, timeout=5)

    assert report.verdict.reason is Reason.REPLY_TIMEOUT
    assert report.verdict.phase is Phase.MAIL_FROM
    assert report.duration == pytest.approx(5, abs=0.2)


async def test_a_small_budget_leaves_time_for_the_second_look(trial: Trial) -> None:
    async with FaultServer(tls="implicit") as server:
        report = await trial(server, smtp_type=SmtpType.START_TLS, timeout=5)

    assert report.verdict.reason is Reason.TLS_EXPECTED_BY_SERVER
    assert report.duration <= 5


async def test_a_silent_login_is_not_tried_again_soon(trial: Trial) -> None:
    async with FaultServer({"AUTH": silence()}) as server:
        report = await trial(server, password="s3cret-pw")

    assert report.verdict.retry is Retry.SLOW


async def no_answer(address: object, port: int, *, limit: float) -> socket.socket:
    """Wait forever, like behind a firewall that drops every packet."""
    async with asyncio.timeout(limit):
        await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def test_a_black_hole_gets_ten_seconds(trial: Trial) -> None:
    trial.connect = no_answer

    report = await trial(587)

    assert report.verdict.reason is Reason.CONNECT_TIMEOUT
    assert report.duration == pytest.approx(10)
    assert report.verdict.message == (
        "No answer from localhost:587 within 10 s (tried 127.0.0.1) [in Connect]. "
        "A firewall or a NetworkPolicy drops the packets, or the host is down. "
        "Check server, port, the NetworkPolicy and the egress firewall."
    )


async def test_a_black_hole_before_other_addresses_gets_four_seconds(trial: Trial) -> None:
    trial.names.known["mail.example.com"] = ("127.0.0.1", "127.0.0.2")
    trial.connect = no_answer

    report = await trial(587, server="mail.example.com")

    assert report.duration == pytest.approx(14)


async def test_a_connection_after_a_lost_syn_and_two_more_passes(trial: Trial) -> None:
    async with FaultServer() as server:

        async def connect(address: object, port: int, *, limit: float) -> socket.socket:
            async with asyncio.timeout(limit):
                await asyncio.sleep(7)
            return await server.connect(address, port, limit=limit)

        trial.connect = connect
        report = await trial(587)

    assert report.verdict.passed


async def test_black_holes_share_a_small_budget(trial: Trial) -> None:
    trial.names.known["mail.example.com"] = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    trial.connect = no_answer

    report = await trial(587, server="mail.example.com", timeout=5)

    assert report.duration == pytest.approx(5)
    assert "tried 127.0.0.1, 127.0.0.2, 127.0.0.3" in report.verdict.message


async def test_the_reply_to_quit_has_two_seconds_after_the_verdict(trial: Trial) -> None:
    loop = asyncio.get_running_loop()
    async with FaultServer({"QUIT": silence()}) as server:
        start = loop.time()
        report = await trial(server)

    assert loop.time() - start == pytest.approx(2, abs=0.2)
    assert report.duration < 0.5


async def test_waiting_for_the_send_permit_takes_no_time_of_the_test(trial: Trial) -> None:
    class InAnHour:
        async def acquire(self, destination: Hashable) -> None:
            await asyncio.sleep(3600)

        def check(self) -> None:
            pass

    async with FaultServer() as server:
        report = await trial(server, send_permit=InAnHour(), timeout=20)

    assert report.verdict.passed
    assert report.duration < 0.5


@pytest.mark.parametrize("moment", ["banner", "AUTH", "."])
async def test_cancelling_ends_the_test_and_the_connection_at_once(trial: Trial, moment: str) -> None:
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()

    def until_the_client_goes(event: asyncio.Event) -> Action:
        wait: Callable[..., Awaitable[None]] = silence()

        async def action(talk: object) -> None:
            try:
                await wait(talk)
            finally:
                event.set()

        return action

    async with FaultServer({moment: until_the_client_goes(gone)}) as server:
        task = asyncio.create_task(trial(server, password="s3cret-pw"))
        start = loop.time()
        loop.call_later(1, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()

    assert loop.time() - start == pytest.approx(1, abs=0.1)
