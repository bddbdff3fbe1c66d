# SPDX-License-Identifier: Apache-2.0
"""Attacks by a mail server with replies in tiny pieces, endless replies and unrequested replies."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from smtp_operator.smtp import replies
from smtp_operator.smtp.connection import ConnectionFailure, InvalidReply, SmtpConnection
from smtp_operator.smtp.reply_stream import MalformedReply, ReplyStream

BOUND = 32 * 1024
"""Bytes of a reply."""


@dataclass
class Dialogue:
    """A connection, the server's side of it, and the parsed lines."""

    connection: SmtpConnection
    server: socket.socket
    parsed: list[str] = field(default_factory=list)

    async def send(self, pieces: Iterable[bytes]) -> int:
        """Send each piece in its own packet until the client hangs up; return the number of bytes sent."""
        sent = 0
        for piece in pieces:
            try:
                await asyncio.get_running_loop().sock_sendall(self.server, piece)
            except OSError:
                break
            sent += len(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return sent


@contextlib.asynccontextmanager
async def _connected() -> AsyncIterator[Dialogue]:
    client, server = socket.socketpair()
    with server:
        client.setblocking(False)
        server.setblocking(False)
        connection = await SmtpConnection.open(client, context=None, server_name="mail.example.com", limit=60)
        server.send(b"220 mail.example.com ESMTP\r\n")
        await connection.reply(60)
        yield Dialogue(connection, server)
        connection.abort()
        await connection.close()


@pytest.fixture
async def dialogue(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dialogue]:
    async with _connected() as made:
        clean = replies.clean

        def counted(line: str) -> str:
            made.parsed.append(line)
            return clean(line)

        monkeypatch.setattr(replies, "clean", counted)
        yield made


def lines(count: int) -> Iterator[bytes]:
    yield from itertools.repeat(b"250-x\r\n", count - 1)
    yield b"250 x\r\n"


def between_lines(count: int) -> Iterator[bytes]:
    """Return the same lines in packets that end after a code, so that no reply is complete."""
    yield b"250-x"
    yield from itertools.repeat(b"\r\n250-x", count - 2)
    yield b"\r\n250 x\r\n"


@pytest.mark.parametrize("pieces", [lines, between_lines])
async def test_a_reply_in_a_packet_for_each_line_is_parsed_once(
    dialogue: Dialogue, pieces: Callable[[int], Iterator[bytes]]
) -> None:
    """Parse each line once. Parsing all lines again per packet took two seconds for 6,000 lines."""
    sending = asyncio.create_task(dialogue.send(pieces(500)))

    reply = await dialogue.connection.command(b"EHLO me", limit=60)

    await sending
    assert len(reply.lines) == 500
    assert len(dialogue.parsed) == 500


ENDLESS = {
    "lines": itertools.repeat(b"250-x\r\n"),
    "many lines at once": itertools.repeat(b"250-x\r\n" * 1000),
    "one line": itertools.repeat(b"x" * 1000),
    "single bytes": itertools.repeat(b"2"),
    "empty lines": itertools.repeat(b"\r\n"),
    "codes that are none": itertools.repeat(b"+25-x\r\n"),
    "codes of other signs": itertools.repeat(b"2_5-x\r\n"),
    "words of another protocol": itertools.repeat(b"SSH-2.0-x\r\n"),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_endless_reply_is_given_up_before_its_time_is_over(dialogue: Dialogue, kind: str) -> None:
    sending = asyncio.create_task(dialogue.send(ENDLESS[kind]))

    with pytest.raises(InvalidReply):
        await dialogue.connection.command(b"EHLO me", limit=600)

    await sending  # the connection has ended
    assert len(dialogue.parsed) <= 1


async def test_a_server_that_sends_unrequested_replies_loses_its_connection(dialogue: Dialogue) -> None:
    """Send data between two commands, such as during the wait for the send permit, when no code reads it."""
    sent = await dialogue.send(itertools.repeat(b"250 again\r\n" * 100, 100_000))

    assert sent < 100_000 * 1100
    with pytest.raises(ConnectionFailure):
        await dialogue.connection.command(b"NOOP", limit=600)


async def test_an_unrequested_reply_is_not_the_reply_to_the_next_command(dialogue: Dialogue) -> None:
    sending = asyncio.create_task(dialogue.send([b"250 first\r\n250 unasked\r\n25"]))
    assert (await dialogue.connection.command(b"NOOP", limit=60)).text == "first"
    await sending

    sending = asyncio.create_task(dialogue.send([b"550 second\r\n"]))
    assert (await dialogue.connection.command(b"NOOP", limit=60)).text == "second"
    await sending


def test_each_byte_is_read_once() -> None:
    stream = ReplyStream()
    pieces = [b"2", b"50", b"-", b"one\r", b"\n25", b"0 tw", b"o\r\n250 three\r\n"]

    found = [stream.add(piece) for piece in pieces]

    assert found == [*[[]] * 6, [b"250-one\r\n250 two\r\n"]]


def test_a_reply_in_single_bytes_is_given_up_after_a_thousand() -> None:
    """Send single bytes. 32,768 reads would take half a second of the event loop."""
    stream = ReplyStream()
    for _ in range(BOUND // 32):
        assert stream.add(b"2") == []
    with pytest.raises(MalformedReply):
        stream.add(b"2")


@pytest.mark.parametrize(
    "reply",
    [
        b"250 " + b"x" * 8190 + b"\r\n",
        b"250 " + b"x" * 8190,
        b"250-x\r\n" * 5000,
        b"25\r\n",
        b"+25 x\r\n",
        b"hello\r\n",
        b"\xb2\xb50 x\r\n",
    ],
)
def test_invalid_and_oversized_replies(reply: bytes) -> None:
    with pytest.raises(MalformedReply):
        ReplyStream().add(reply)


@pytest.mark.parametrize(
    "reply", [b"250\r\n", b"250 \n", b"250 " + b"x" * 8180 + b"\r\n", b"250_x\r\n", b"250 x\rx\r\n"]
)
def test_valid_replies(reply: bytes) -> None:
    assert ReplyStream().add(reply) == [reply]
