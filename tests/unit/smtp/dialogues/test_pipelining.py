# SPDX-License-Identifier: Apache-2.0
"""MAIL and RCPT in one group, where the server offers PIPELINING (RFC 2920)."""

import asyncio
import contextlib
import socket

import pytest

from smtp_operator.network.resolver import Address
from smtp_operator.smtp.session import Connect
from smtp_testkit.mailpeers.faultserver import FaultServer, drop, reply, then
from smtp_testkit.mailpeers.trial import Trial, recipients

pytestmark = pytest.mark.looptime

THREE = recipients(to=["a@example.com", "b@example.com"], bcc=["c@example.com"])


def delaying(connect: Connect, tasks: asyncio.TaskGroup, *, each_way: float) -> Connect:
    """Return a way to connect through a proxy that delays all data."""
    loop = asyncio.get_running_loop()

    async def copy(source: socket.socket, target: socket.socket) -> None:
        with source, contextlib.suppress(OSError):
            while data := await loop.sock_recv(source, 65536):
                loop.call_later(each_way, target.send, data)
            await asyncio.sleep(each_way)
            target.shutdown(socket.SHUT_WR)

    async def through_proxy(address: Address, port: int, *, limit: float) -> socket.socket:
        far = await connect(address, port, limit=limit)
        client, near = socket.socketpair()
        for sock in (client, near):
            sock.setblocking(False)
        tasks.create_task(copy(near, far))
        tasks.create_task(copy(far, near))
        return client

    return through_proxy


async def test_three_recipients_take_three_round_trips_less(trial: Trial) -> None:
    durations = []
    for offered in (False, True):
        async with FaultServer() as server, asyncio.TaskGroup() as tasks:
            server.pipelining = offered
            trial.connect = delaying(server.connect, tasks, each_way=0.05)
            report = await trial(server.port, recipients=THREE)
        assert report.verdict.passed
        durations.append(report.duration)

    assert durations[0] - durations[1] >= 0.25


async def test_the_transcript_shows_the_group(trial: Trial) -> None:
    script = {".": reply("554 5.6.0 no")}
    async with FaultServer(script) as server:
        server.pipelining = True
        report = await trial(server, recipients=THREE)

    assert report.dialogue[3:10] == (
        "C: (4 commands in one group)",
        f"C: MAIL FROM:<ops@example.com> {report.dialogue[4].split()[-1]}",
        "C: RCPT TO:<a@example.com>",
        "C: RCPT TO:<b@example.com>",
        "C: RCPT TO:<bcc[0]>",
        "S: 250 2.1.0 ok",
        "S: 250 2.1.5 ok",
    )
    verbs = [line.split(b" ")[0] for line in server.received[1:6]]
    assert verbs == [b"MAIL", b"RCPT", b"RCPT", b"RCPT", b"DATA"]


async def test_a_refused_sender_ends_the_group_with_quit(trial: Trial) -> None:
    script = {"MAIL": reply("553 5.1.8 sender domain does not exist"), "RCPT": reply("503 5.5.1 MAIL first")}
    async with FaultServer(script) as server:
        server.pipelining = True
        report = await trial(server, recipients=THREE)

    assert report.verdict.reply == "553 5.1.8"
    assert server.received[-1] == b"QUIT"
    assert server.connections == 1


async def test_the_second_try_of_a_server_that_breaks_is_in_the_transcript(trial: Trial) -> None:
    script = {"MAIL": [then(reply("503 5.5.0 improper pipelining"), drop())]}
    async with FaultServer(script) as server:
        server.pipelining = True
        report = await trial(server, recipients=THREE)

    assert server.connections == 2
    assert report.verdict.reply == "503 5.5.0"
    assert "C: (new connection, one command at a time)" in report.dialogue
